"""Template: show the texts of four arms together and ask for the happiest and the least happy of them.

Best–worst scaling compares several arms in one trial: two choices order most of the texts, and raters do not
have to decide what a "4" means. All four texts continue the same prompt. Their places are drawn at random and
balanced. `Ranking` asks for the whole order instead.

Start with ``rater new NAME --template best_worst``, and change the file.
"""

from rater import AnalysisPlan, BestWorst, Dimension, Plan, Sampling, Steered, Study, Unsteered, XVector

study = Study(
    # The study's name on the command line: a-z, 0-9, _ and -. Raters see only the title.
    name="best_worst",
    title="Which text is the happiest?",
    consent="""
You are invited to read groups of four short texts and to choose the happiest and the least happy of each. A
computer program wrote them; a few may contain sad, hateful or coarse words. Your answers are stored without
your name. You can stop at any time by closing the page. If you have a question, ask the person who gave you
this link.
""",
    instructions="""
You will see four texts at a time, A to D, which continue the same few words in bold. Choose the
**continuation** that is the happiest, and the one that is the least happy. Go by your first impression; there
are no right or wrong answers. Many texts break off in the middle of a sentence. Please ignore that.
""",
    dimensions=(
        Dimension(
            name="happiness",
            question="Which text is the happiest, and which is the least happy?",
            # For the whole order: Ranking(texts=4, top="happiest", bottom="least happy")
            scale=BestWorst(texts=4, best="Happiest", worst="Least happy"),
        ),
    ),
    model="smollm2-135m-instruct",
    # Each must be at least as long as the addition: three tokens, the first of them BOS.
    prompts=(
        "I hate you because",
        "I love you because",
        "When I think about my family, I feel",
        "Last night my best friend told me that",
        "When I woke up this morning, I",
        "People always tell me that I",
        "I went up to my friend and said",
        "After the argument, she",
    ),
    sampling=Sampling(max_new_tokens=40, top_p=0.3, frequency_penalty=1, samples_per_prompt=3),
    # A trial shows all four. With more arms than texts, each rater sees a balanced set of groups.
    arms=(
        Unsteered(),
        Steered(name="weak", additions=(XVector("Love", "Hate", coeff=4, at=2, pad="space"),)),
        Steered(name="middle", additions=(XVector("Love", "Hate", coeff=8, at=2, pad="space"),)),
        Steered(name="strong", additions=(XVector("Love", "Hate", coeff=12, at=2, pad="space"),)),
    ),
    # Each rater sees one group of each prompt.
    plan=Plan(raters=12),
    # The primary contrast; the other arms are compared with the control, with the Holm correction.
    analysis=AnalysisPlan(contrast=("strong", "unsteered")),
)
