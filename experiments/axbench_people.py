"""Compare four steering methods on eight concepts with people instead of a judge model: AxBench's questions.

In AxBench (Wu et al. 2025, arXiv 2501.17148) a language model rates each text from 0 to 2 for three
properties: is the concept there, does the text follow the instruction, and is it fluent. The score of a text
is their harmonic mean, so that a text that fails on one fails. Here people answer the three questions. The
methods are a prompt that asks for the concept, vectors from a mean difference of texts, random directions of
the same norm, and the unsteered model.

Concepts are a random factor next to raters and tasks: the claim is about concepts like these, so that more
concepts can help more than more raters (`rater power --concepts`).

llm-steering compared one vector with the unsteered model, on GPT-2 XL. For GPT-2 XL set ``model="gpt2-xl"``,
and look for the layers with `rater sweep --concept dogs`; it follows no instructions.

For the small model that comes with rater, the layers and strengths are those of ``weddings.py``, which
`rater sweep` found.
"""

from rater import (
    AnalysisPlan,
    Composite,
    Concept,
    ConceptSteered,
    DatasetVector,
    Dimension,
    Likert,
    Plan,
    Prompted,
    Sampling,
    Study,
    Unsteered,
)

LAYERS = (14, 20)
ABOUT_ANYTHING = (
    "The office is open from nine to five on weekdays.",
    "He put the papers on the table and opened the window.",
    "The train to the city takes about forty minutes.",
)
SENTENCES = {
    "dogs": (
        "The dog barked, wagged its tail and ran after the ball.",
        "Our puppy sleeps in its basket and chews on a bone.",
        "Every dog in the park was on a leash.",
    ),
    "the sea": (
        "The waves of the sea rolled onto the sandy beach.",
        "A ship sailed across the ocean, and the water was deep and blue.",
        "We swam in the salt water and watched the tide.",
    ),
    "music": (
        "She played the piano, and the band sang a song.",
        "The melody of the violin filled the concert hall.",
        "He wrote music, and everybody danced to the rhythm.",
    ),
    "snow": (
        "The snow fell all night, and the hills were white and cold.",
        "We built a snowman on the frozen lake in winter.",
        "Icy flakes of snow covered the roofs and the road.",
    ),
    "weddings": (
        "The bride and the groom said their vows at the wedding.",
        "At the wedding, everybody threw rice and cut the cake.",
        "They got married in a church, with flowers and rings.",
    ),
    "football": (
        "The player kicked the ball into the goal, and the fans cheered.",
        "Our football team won the match in the stadium.",
        "The referee blew the whistle after the foul.",
    ),
    "gardens": (
        "Roses and tulips bloom in the garden behind the house.",
        "She watered the plants and pulled the weeds from the soil.",
        "The gardener planted seeds, and the trees bore fruit.",
    ),
    "money": (
        "The bank lent him money at a high rate of interest.",
        "She paid in cash and counted the coins in her purse.",
        "The price rose, and investors lost millions of dollars.",
    ),
}


def about(words: str) -> Concept:
    """Declare a concept, whose vectors point from sentences about anything to sentences about it."""
    vectors = tuple(
        DatasetVector(
            positive=SENTENCES[words], negative=ABOUT_ANYTHING, relative=1, at=layer, read="mean", when="all"
        )
        for layer in LAYERS
    )
    return Concept(words=words, additions=vectors)


def from_0_to_2(name: str, question: str) -> Dimension:
    """Declare one of AxBench's three questions, each answered from 0 to 2."""
    scale = Likert(points=3, first=0, low="not at all", high="fully", labels={1: "partly"})
    return Dimension(name=name, question=question, scale=scale)


study = Study(
    name="axbench_people",
    title="Texts on a topic",
    consent="""
You are invited to read some short texts and to answer three questions about each. The page before this one
says how many there are, and about how long that takes.

- The texts were written by a **computer program**, and some are odd. You can stop at any time by closing the
  page.
- Your answers are stored, with the time of each and how long its text was shown. A random number in a
  cookie lets you come back to where you were. We do not ask for your name, your e-mail address or anything
  else about you.
- The answers are used to study how computer programs write, and may be published as numbers.
- If you have a question, ask the person who gave you this link.

Taking part is voluntary. By continuing you confirm that you are 18 or older and agree to this.
""",
    instructions="""
You will read texts, one to a page. Each begins with a **task in bold**; a computer program wrote the rest.

Answer three questions about **the text after the task**. The first names a topic, which can be another one
for each text: a topic counts if the text is about it or mentions it in some other way. Many texts break off
in the middle of a sentence. Please ignore that, and judge what is there.
""",
    dimensions=(
        from_0_to_2("concept", "Does the text contain the topic “{concept}”?"),
        from_0_to_2("instruction", "Does the text do what the words in bold ask for?"),
        from_0_to_2("fluency", "Is the text fluent and readable?"),
    ),
    model="smollm2-135m-instruct",
    concepts=tuple(map(about, SENTENCES)),
    # Each is a task for each of the concepts.
    prompts=(
        "Here is a short story about a friend:",
        "Here is a letter to my grandmother:",
        "Here is some advice for a better life:",
        "Here is a description of my town:",
    ),
    arms=(
        Prompted(prefix="Everything in this text is about {concept}. "),
        ConceptSteered(coeff=0.15),
        ConceptSteered(name="random", coeff=0.15, random_seed=0),
        Unsteered(),
    ),
    sampling=Sampling(
        max_new_tokens=50,
        temperature=1,
        top_p=0.3,
        frequency_penalty=1,
        samples_per_prompt=1,
        seed=0,
    ),
    # Each rater sees all four methods on 8 of the 32 tasks with concepts: 32 texts of three questions each.
    plan=Plan(raters=48, items_per_rater=32),
    analysis=AnalysisPlan(
        composites=(Composite(name="score", of=("concept", "instruction", "fluency"), by="harmonic_mean"),),
        primary="score",
        contrast=("prompted", "steered"),
        score="scale_points",
        scope="raters+prompts+concepts",
    ),
)
