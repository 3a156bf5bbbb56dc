"""Template: show two texts side by side and ask which of them has more of a property.

Comparing is easier than rating: raters do not have to decide what a "4" means, and fewer answers show a small
difference. Both texts of a pair continue the same prompt. The sides are drawn at random and balanced. The
disadvantage: the answers show which arm is preferred, and not how happy its texts are by themselves.

Start with ``rater new NAME --template pairwise``, and change the file.
"""

from rater import Dimension, Pairwise, Plan, Sampling, Steered, Study, Unsteered, XVector

study = Study(
    # The study's name on the command line: a-z, 0-9, _ and -. Raters see only the title.
    name="pairwise",
    title="Which of two texts is happier?",
    consent="""
You are invited to read pairs of short texts and to say which one is happier. A computer program wrote them;
a few may contain sad, hateful or coarse words. Your answers are stored without your name. You can stop at
any time by closing the page. If you have a question, ask the person who gave you this link.
""",
    instructions="""
You will see two texts at a time, A and B, which continue the same few words in bold. Say which
**continuation** is happier. Go by your first impression; there are no right or wrong answers. Many texts
break off in the middle of a sentence. Please ignore that.
""",
    dimensions=(
        Dimension(
            name="happiness",
            question="Which text is happier?",
            # Without `tie` raters must choose. degrees=("a little", "much") also asks by how much.
            scale=Pairwise(tie="No difference"),
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
    sampling=Sampling(max_new_tokens=50, top_p=0.3, frequency_penalty=1, samples_per_prompt=4),
    # Every two arms make a pair: three arms would make three pairs of each prompt.
    arms=(
        Unsteered(),
        Steered(additions=(XVector("Love", "Hate", coeff=12, at=2, pad="space"),)),
    ),
    # Each rater sees one pair of each prompt.
    plan=Plan(raters=12),
)
