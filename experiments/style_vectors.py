"""Test whether people notice emotions that style vectors add, and what it costs: five doses of six emotions.

The design follows arXiv 2601.21505: texts are steered towards six basic emotions, and 190 raters answer two
questions about each, on sliders: how strongly the text expresses the emotion, and how good the text is. Here
each emotion is a concept with vectors of its own (mean differences of a few sentences), and a dose is a share
of the norm of the residual stream. The planned contrast is the middle dose against the unsteered model. The
trend over all doses is tested for both questions, and the report has the agreement of the raters (ICC).

llm-steering had no such study; it steered GPT-2 XL with pairs of words. For GPT-2 XL set ``model="gpt2-xl"``
and ``LAYERS = (20, 28)``, and look at the texts with `rater compare --concept joy`.

For the small model that comes with rater, the layers are those that `rater sweep` found for ``weddings.py``.
`rater compare --concept joy` on the first two prompts, with one text of each arm:

- unsteered: negative log-likelihood under the unsteered model (NLL, nats per token) 1.4; "My neighbour told
  me that the people of the town are friendly, but I've only seen them as";
- dose 0.1: NLL 1.2; "you're a wonderful person. I'm so glad to have you in my life";
- dose 0.2: NLL 1.8; "you are a brave and strong and powerful, and I am always loved by you";
- dose 0.25: NLL 1.9; up to a quarter of the text repeats: "loved and loved. I have been blessed".
"""

from rater import (
    AnalysisPlan,
    Concept,
    DatasetVector,
    Dimension,
    Plan,
    Sampling,
    Slider,
    Study,
    Unsteered,
    concept_dose_series,
)

LAYERS = (14, 20)
NEUTRAL = (
    "The meeting begins at ten in the room on the second floor.",
    "The train to the city takes about forty minutes.",
    "He put the papers on the table and opened the window.",
    "The shop sells bread, milk, paper and soap.",
)
SENTENCES = {
    "joy": (
        "I am so happy that I could sing and dance all day!",
        "What a wonderful, joyful day, I laugh with delight!",
        "We are thrilled and full of joy, everything is great!",
        "I smile and laugh, my heart is full of happiness.",
    ),
    "sadness": (
        "I am so sad that I cannot stop crying.",
        "I feel lonely and hopeless, and tears run down my face.",
        "My heart is broken, and I mourn all that I have lost.",
        "Everything is grey, and I weep with grief and sorrow.",
    ),
    "anger": (
        "I am furious, and I want to scream at all of them!",
        "How dare you! I hate this, and I am full of rage!",
        "He slammed the door and shouted in anger, red in the face.",
        "I am so angry that I could smash everything here!",
    ),
    "fear": (
        "I am terrified, and my hands shake with fear.",
        "Something is coming, and I am so scared that I cannot move.",
        "She screamed in panic and ran from the horror.",
        "I am afraid of the dark, and my heart pounds with dread.",
    ),
    "disgust": (
        "This is disgusting, and it makes me want to vomit.",
        "The rotten smell is revolting, and I feel sick.",
        "Yuck, how gross and filthy, I cannot look at it!",
        "It was nauseating slime, and I turned away in disgust.",
    ),
    "surprise": (
        "Wow, I cannot believe it, what a surprise!",
        "Suddenly, out of nowhere, it happened, and I was astonished!",
        "I never expected this, my mouth fell open!",
        "What? Really? I am amazed and completely stunned!",
    ),
}


def style(emotion: str) -> Concept:
    """Declare an emotion, whose vectors point from neutral sentences to sentences that express it."""
    vectors = tuple(
        DatasetVector(
            positive=SENTENCES[emotion], negative=NEUTRAL, relative=1, at=layer, read="mean", when="all"
        )
        for layer in LAYERS
    )
    return Concept(words=emotion, additions=vectors)


study = Study(
    name="style_vectors",
    title="Emotions in short texts",
    consent="""
You are invited to read some short texts and to answer two questions about each. The page before this one says
how many there are, and about how long that takes.

- The texts were written by a **computer program**. Some are odd, and some express anger, fear, disgust or
  sadness. They are not about you, and you can stop at any time by closing the page.
- Your answers are stored, with the time of each and how long its text was shown. A random number in a
  cookie lets you come back to where you were. We do not ask for your name, your e-mail address or anything
  else about you.
- The answers are used to study how computer programs write, and may be published as numbers.
- If you have a question, ask the person who gave you this link.

Taking part is voluntary. By continuing you confirm that you are 18 or older and agree to this.
""",
    instructions="""
You will read texts, one to a page. A computer program wrote them, each as the continuation of a few words
that it was given.

Answer two questions about **the continuation**. The first names an emotion, which can be another one for each
text: set the slider to how strongly the text expresses it, whether or not it expresses others. The second is
about how well the text is written. Many texts break off in the middle of a sentence. Please ignore that, and
judge what is there.
""",
    dimensions=(
        Dimension(
            name="intensity",
            question="How strongly does this text express {concept}?",
            scale=Slider(low="not at all", high="extremely"),
        ),
        Dimension(
            name="quality",
            question="How good is the quality of this text?",
            scale=Slider(low="very bad", high="very good"),
        ),
    ),
    model="smollm2-135m-instruct",
    concepts=tuple(map(style, SENTENCES)),
    # Each is continued for each of the emotions.
    prompts=(
        "When I came home last night, I",
        "My neighbour told me that",
        "The letter said that",
        "On the way to work, she",
        "We opened the old box and",
        "He looked at the photo and",
        "The food on the table was",
        "After the phone call, they",
    ),
    # The unsteered model is dose 0. A dose is a share of the norm of the residual stream.
    arms=(Unsteered(), *concept_dose_series((0.05, 0.1, 0.15, 0.2, 0.25), name="style")),
    sampling=Sampling(
        max_new_tokens=50,
        temperature=1,
        top_p=0.3,
        frequency_penalty=1,
        samples_per_prompt=1,
        seed=0,
    ),
    # With the small model, texts of dose 0.15 are longer than those of dose 0.25 (AUC 0.77 in the audit).
    confounds=("length in characters",),
    # Each rater sees the six doses of 6 of the 48 prompts with emotions: 36 texts.
    plan=Plan(raters=190, items_per_rater=36),
    # The six emotions are those of the claim, and not a sample of emotions: raters and prompts are random.
    analysis=AnalysisPlan(
        contrast=("style-0_15", "unsteered"),
        primary="intensity",
        score="scale_points",
        scope="raters+prompts",
    ),
)
