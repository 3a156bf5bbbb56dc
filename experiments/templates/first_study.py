"""Template: the small study of the tutorial "Your first study in 20 minutes".

Two arms, twelve prompts, one question. It generates 24 short texts in about 20 seconds on two CPU cores, and
a rater needs about five minutes. The tutorial explains every line.
"""

from rater import Dimension, Likert, Plan, Sampling, Steered, Study, Unsteered, XVector

study = Study(
    name="first_study",
    title="How happy are these texts?",
    consent="""
You are invited to read some short texts and to rate how happy each one is. A computer program wrote them.
Some are odd, and a few may be sad or rude. Your answers are stored without your name, and are used for
research. Taking part is voluntary: you can stop at any time by closing the page.
""",
    instructions="""
Each text continues a few words in bold. Rate how happy **the continuation** is. Use your first impression;
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
        "I love you because",
        "When I think about my family, I feel",
        "Last night my best friend told me that",
        "I want to tell you that",
        "When I woke up this morning, I",
        "People always tell me that I",
        "My brother and I haven't spoken since",
        "I went up to my friend and said",
        "I think you're",
        "After the argument, she",
        "My boss called me into her office and",
    ),
    arms=(
        Unsteered(),
        Steered(additions=(XVector("Love", "Hate", coeff=12, at=2, pad="space"),)),
    ),
    sampling=Sampling(
        max_new_tokens=40,
        temperature=1,
        top_p=0.3,
        frequency_penalty=1,
        samples_per_prompt=1,
        seed=0,
    ),
    plan=Plan(raters=12),
)
