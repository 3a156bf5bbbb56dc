"""Test whether people can tell towards which of four concepts a model was steered.

The concepts are those of llm-steering's examples for GPT-2 XL, love, weddings and anger, and travel. Each has
a vector at two layers, the mean difference between four sentences about it and four plain sentences, as in
``weddings.py``. The arms are methods that take the concept of a text:

- *weak* and *strong* add its vectors with 0.1 and 0.2 of the residual norm;
- *random* adds random directions of the norms of the strong arm. Its texts have a concept too, but nothing
  that points to it, so that raters recognise it as often as by guessing: one text in four.

The score of an answer is 1 if the concept of the text was chosen. The primary test compares the strong arm
with the random one over raters, prompts and concepts. The report shows each arm against chance, with d' and a
confusion matrix.

The strengths are those at which `rater sweep` found wedding words and readable texts on the small model
(see ``weddings.py``); the other three concepts were not swept. Try them with `rater try` before a real study,
or `rater compare` after generating.
"""

from rater import (
    AnalysisPlan,
    Choose,
    Concept,
    ConceptSteered,
    DatasetVector,
    Dimension,
    Plan,
    Practice,
    Sampling,
    Study,
)

PLAIN = (
    "They got up and the people in the street looked at the car and bus",
    "The woman wore a white coat at her office desk",
    "We are making our lists and the next small plan",
    "At the table the man read the paper",
)
SENTENCES = {
    "love": (
        "I love you with all my heart and I always will",
        "She kissed him and said that she loved him",
        "They are in love and cannot live without each other",
        "My darling, you are the love of my life",
    ),
    "weddings": (
        "They got married and the wedding guests cheered for the bride and groom",
        "The bride wore a white dress at her wedding ceremony",
        "We are planning our wedding and the marriage ceremony",
        "At the wedding the groom kissed the bride",
    ),
    "anger": (
        "I am so angry that I could scream",
        "This makes me furious and full of rage",
        "He shouted with anger and hate",
        "She slammed the door in anger",
    ),
    "travel": (
        "We took the plane and the train to a foreign country",
        "The travellers packed their suitcases for a long journey",
        "I booked a flight and a hotel for our trip abroad",
        "On our travels we visited cities, beaches and islands",
    ),
}
LAYERS = (14, 20)


def towards(words: str) -> Concept:
    """Declare a concept, whose vectors have a tenth of the residual norm at each layer."""
    vectors = (
        DatasetVector(SENTENCES[words], PLAIN, relative=0.1, at=layer, read="mean", when="all")
        for layer in LAYERS
    )
    return Concept(words=words, additions=tuple(vectors))


study = Study(
    name="which_concept",
    title="What are these texts about?",
    consent="""
You are invited to read some short texts and to say what each one is about. The page before this one says
how many there are, and about how long that takes.

- The texts were written by a **computer program**. Some are odd, and some may be rude. They are not about
  you, and you can stop at any time by closing the page.
- Your answers are stored, with the time of each and how long its text was shown. A random number in a
  cookie lets you come back to where you were. We do not ask for your name, your e-mail address or anything
  else about you.
- The answers are used to study how computer programs write, and may be published as numbers.
- If you have a question, ask the person who gave you this link.

Taking part is voluntary. By continuing you confirm that you are 18 or older and agree to this.
""",
    instructions="""
You will read texts, one to a page. A computer program wrote them, each as the continuation of a few words
that it was given. While it wrote, it was pushed towards **one of four subjects**.

Choose the subject that you think the continuation was pushed towards. In some texts you will hardly see one:
then guess. The four subjects are in the same order on every page. Many texts break off in the middle of a
sentence. Please ignore that.
""",
    practice=(
        Practice(
            prompt="When I came home in the evening,",
            text=" I put my suitcase down and told them about the islands that we had seen from the plane.",
            accepted={"concept": (4, 4)},
            feedback="This text is about **travel**.",
        ),
    ),
    dimensions=(
        Dimension(
            name="concept",
            question="Which of these was the text pushed towards?",
            scale=Choose(options="concepts"),
        ),
    ),
    model="smollm2-135m-instruct",
    concepts=tuple(map(towards, SENTENCES)),
    # Each is continued for each of the concepts.
    prompts=(
        "Yesterday after work I went up to my friend at the bus stop and said",
        "The first thing you should know about our small town is that",
        "My favourite way to spend a long summer weekend has always been",
        "When the doctor came back into the room, she told us that",
        "The letter that I found in the kitchen this morning begins with",
        "Everybody in the office was talking about the same thing this morning:",
    ),
    # The sampling of llm-steering.
    sampling=Sampling(
        max_new_tokens=50,
        temperature=1,
        top_p=0.3,
        frequency_penalty=1,
        samples_per_prompt=1,
        seed=1,
    ),
    arms=(
        ConceptSteered(name="weak", coeff=1, dose=0.1),
        ConceptSteered(name="strong", coeff=2, dose=0.2),
        ConceptSteered(name="random", coeff=2, random_seed=1),
    ),
    # Half of the texts for each rater, in sets of the three arms of a prompt and concept.
    plan=Plan(raters=24, items_per_rater=36),
    analysis=AnalysisPlan(contrast=("strong", "random"), scope="raters+prompts+concepts"),
)
