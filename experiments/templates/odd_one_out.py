"""Template: show two texts of one arm and one of another, and ask which one differs from the other two.

Odd one out (a triangle test) asks whether people notice any difference at all. Raters need no name for it,
and guessing is correct in one third of trials. The two arms have equally many trials with the odd text.

Start with ``rater new NAME --template odd_one_out``, and change the file.
"""

from rater import AnalysisPlan, Dimension, OddOneOut, Plan, Sampling, Steered, Study, Unsteered, XVector

study = Study(
    # The study's name on the command line: a-z, 0-9, _ and -. Raters see only the title.
    name="odd_one_out",
    title="Which text differs from the others?",
    consent="""
You are invited to read groups of three short texts and to choose the one that differs from the other two. A
computer program wrote them; a few may contain sad, hateful or coarse words. Your answers are stored without
your name. You can stop at any time by closing the page. If you have a question, ask the person who gave you
this link.
""",
    instructions="""
You will see three texts at a time, A to C, which continue the same few words in bold. Two of them were
written in the same way and one in another way. Choose the **continuation** that differs from the other two.
If you are not sure, choose the one that seems most likely. Many texts break off in the middle of a sentence.
Please ignore that.
""",
    dimensions=(Dimension(name="odd", question="Which text differs from the other two?", scale=OddOneOut()),),
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
        "The old man at the station",
        "Dear diary, today",
    ),
    # The three texts of a trial are different samples of a prompt.
    sampling=Sampling(max_new_tokens=40, top_p=0.3, frequency_penalty=1, samples_per_prompt=3),
    arms=(
        Unsteered(),
        Steered(name="steered", additions=(XVector("Love", "Hate", coeff=8, at=2, pad="space"),)),
    ),
    # Each rater sees two trials of each prompt: the odd text is of the one arm, and then of the other.
    plan=Plan(raters=12),
    analysis=AnalysisPlan(contrast=("steered", "unsteered")),
)
