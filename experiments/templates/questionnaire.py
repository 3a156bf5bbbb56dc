"""Template: questions about the raters, and how the effect differs between them (moderators).

A questionnaire before the texts asks about age, reading and languages, and one question follows the texts.
Each question can be declined. Two of them are declared as moderators: the report tests whether the difference
between the arms depends on them.
"""

from rater import (
    AnalysisPlan,
    Dimension,
    Likert,
    Plan,
    Question,
    Sampling,
    Steered,
    Study,
    Unsteered,
    XVector,
)

study = Study(
    name="questionnaire",
    title="How happy are these texts?",
    # The answers about raters are personal data: say what is asked, and why.
    consent="""
You are invited to answer a few questions about yourself, to read some short texts, and to say how happy each
of them is. A computer program wrote the texts. Some are odd, and a few may contain sad or coarse words.

We ask for your age, your languages, how much you read and what you use such programs for, to find out whether
readers differ. You can decline to answer each of these questions. Your answers are stored without your name.
Taking part is voluntary: you can stop at any time by closing the page.
""",
    questionnaire=(
        Question(
            name="reads",
            question="How often do you read books for pleasure?",
            options=("Every day", "Every week", "Less often", "Never"),
        ),
        Question(
            name="age", question="How old are you?", kind="number", minimum=18, maximum=120, unit="years"
        ),
        Question(
            name="languages",
            question="In which of these languages do you read with ease?",
            kind="choices",
            options=("English", "German", "Spanish", "French", "Chinese", "Another one"),
        ),
        # Asked last, since thinking about programs could change how texts are read.
        Question(
            name="uses_chatbots",
            question="What have you used programs that write texts for?",
            kind="text",
            when="after",
        ),
    ),
    instructions="""
Each text continues a few words in bold. Say how happy **the continuation** is, by your first impression;
there are no right or wrong answers. Many texts stop in the middle of a sentence. Please ignore that.
""",
    dimensions=(
        Dimension(
            name="happiness",
            question="How happy is this text?",
            scale=Likert(points=5, low="not at all happy", high="very happy"),
        ),
    ),
    model="smollm2-135m-instruct",
    prompts=(
        "I hate you because",
        "I went up to my friend and said",
        "When I woke up this morning, I",
        "After the argument, she",
        "My boss called me into her office and",
        "Last night my best friend told me that",
    ),
    arms=(
        Unsteered(),
        Steered(additions=(XVector("Love", "Hate", coeff=10, at=2, pad="space"),)),
    ),
    sampling=Sampling(
        max_new_tokens=40,
        temperature=1,
        top_p=0.3,
        frequency_penalty=1,
        samples_per_prompt=2,
        seed=0,
    ),
    # An interaction with a characteristic of the raters needs many more raters than the difference itself.
    plan=Plan(raters=60),
    # A moderator is a choice or a number. Its test is secondary, with the Holm correction over all of them.
    analysis=AnalysisPlan(moderators=("reads", "age")),
)
