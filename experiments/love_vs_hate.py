"""placeholder"""
from rater import Dimension, Likert, Sampling, Steered, Study, Unsteered, XVector

study = Study(
    name="love_vs_hate",
    title="How happy are these texts?",
    consent="c",
    instructions="i",
    dimensions=(Dimension(name="happiness", question="How happy is this text?", scale=Likert(low="not at all happy", high="very happy")),),
    prompts=("I hate you because","b"),
    arms=(Unsteered(), Steered(additions=(XVector("Love", "Hate", coeff=5, at=6),))),
    sampling=Sampling(temperature=1, top_p=0.3, frequency_penalty=1, samples_per_prompt=3),
)
