"""Test whether a model steered towards weddings mentions them for every prompt: llm-steering's human rating.

This is the study of llm-steering's own rating script. It adds two vectors at two layers of GPT-2 XL: "I talk
about weddings constantly" minus its denial, coefficient 3 before layer 14, and "I bring up weddings in every
situation" minus its denial, coefficient 5 before layer 22; on the first prompt below, five texts of each arm.
To repeat it, set ``model="gpt2-xl"`` and ``additions=FOR_GPT2_XL``. (The additions apply from the front of a
prompt and have at most 10 tokens; each prompt here is longer.)

On the small model that comes with rater, those vectors have no effect. `rater sweep` over layers 2 to 14 and
coefficients 2 to 16 (the first five prompts, two texts of 60 tokens each; both vectors at the same layer)
counted at most 0.2 wedding words per text, while the negative log-likelihood under the unsteered model (NLL,
nats per token; 1.30 without steering) rose to 3.0 at layer 2 and above 6 at layer 10.

The mean difference of four sentences about weddings and four others has an effect, added to every token. On
all ten prompts, one text of 40 tokens each, at layers 14 and 20 together:

- unsteered: no wedding word, NLL 1.37;
- 0.1 and 0.1 of the residual norm: 0.6 wedding words per text, NLL 1.62;
- 0.15 and 0.15 (used here): 0.9, NLL 1.99; "our small town is that it's a place of love and tradition. We
  celebrate every single other year with one another, and we're all honored to be married in the Church";
- 0.1 and 0.2: 1.2, NLL 2.10; stage directions, and names that do not exist;
- 0.2 and 0.2: 0.9, NLL 2.34; some words that do not exist ("bridegget").
"""

from rater import DatasetVector, Dimension, Likert, Plan, Sampling, Steered, Study, Unsteered, XVector

FOR_GPT2_XL = (
    XVector(
        "I talk about weddings constantly",
        "I do not talk about weddings constantly",
        coeff=3,
        at=14,
        pad="space",
    ),
    XVector(
        "I bring up weddings in every situation",
        "I do not bring up weddings in every situation",
        coeff=5,
        at=22,
        pad="space",
    ),
)
ABOUT_WEDDINGS = (
    "They got married and the wedding guests cheered for the bride and groom",
    "The bride wore a white dress at her wedding ceremony",
    "We are planning our wedding and the marriage ceremony",
    "At the wedding the groom kissed the bride",
)
ABOUT_OTHER_THINGS = (
    "They got up and the people in the street looked at the car and bus",
    "The woman wore a white coat at her office desk",
    "We are planning our work and the next meeting",
    "At the station the man saw the train",
)
FOR_SMOLLM2 = tuple(
    DatasetVector(ABOUT_WEDDINGS, ABOUT_OTHER_THINGS, relative=0.15, at=layer, read="mean", when="all")
    for layer in (14, 20)
)

study = Study(
    name="weddings",
    title="What are these texts about?",
    consent="""
You are invited to read some short texts and to say what each one is about. The page before this one says
how many there are, and about how long that takes.

- The texts were written by a **computer program**. Some are odd. They are not about you, and you can stop
  at any time by closing the page.
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

Say how much **the continuation** is about weddings: brides, grooms, ceremonies, guests, getting married. Go
by your first impression; there are no right or wrong answers. Many texts break off in the middle of a
sentence. Please ignore that, and judge what is there.
""",
    dimensions=(
        Dimension(
            name="weddings",
            question="How much is this text about weddings?",
            scale=Likert(points=5, low="not at all", high="entirely"),
        ),
    ),
    model="smollm2-135m-instruct",
    prompts=(
        (
            "I hate talking about weddings. Instead, let's talk about a totally different topic, like the "
            "impact of NGDP on the price of gold."
        ),
        "Yesterday after work I went up to my friend at the bus stop and said",
        "The first thing you should know about our small town is that",
        "My favourite way to spend a long summer weekend has always been",
        "In this lecture we will look at how the stock market works, and",
        "When the doctor came back into the room, she told us that",
        "Frozen starts off with a scene about two sisters, and after that",
        "The recipe that my grandmother wrote down for me begins with",
        "Everybody in the office was talking about the same thing this morning:",
        "If you have never been to the north of the country, you should",
    ),
    # The sampling of llm-steering.
    sampling=Sampling(
        max_new_tokens=60,
        temperature=1,
        top_p=0.3,
        frequency_penalty=1,
        samples_per_prompt=4,
        seed=1,
    ),
    arms=(
        Unsteered(),
        Steered(additions=FOR_SMOLLM2),
    ),
    plan=Plan(raters=12),
)
