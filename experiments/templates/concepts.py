"""Template: one method over many concepts, each with its own vector and its own words in the question.

Prompts are crossed with concepts. Concepts are a random factor next to raters and prompts, so the result is
about concepts like these. A prompted arm asks for the concept, and random directions of the same norm are the
control.
"""

from rater import (
    AnalysisPlan,
    Concept,
    ConceptSteered,
    Dimension,
    Likert,
    Plan,
    Prompted,
    Sampling,
    Study,
    Unsteered,
    XVector,
)


def about(words: str) -> Concept:
    """Declare a concept, whose vector is the difference between texts about it and about anything."""
    vector = XVector(f"I like to talk about {words}", "I like to talk about it", coeff=1, at=6)
    return Concept(words=words, additions=(vector,))


study = Study(
    name="concepts",
    title="What are these texts about?",
    consent="""
You are invited to read some short texts and to answer a question about each. A computer program wrote them.
Some are odd. Your answers are stored without your name, and are used for research. Taking part is voluntary:
you can stop at any time by closing the page.
""",
    instructions="""
Each text continues the words in bold. The question is about **the continuation**, and differs from text to
text. Use your first impression; there are no right or wrong answers. Many texts stop in the middle of a
sentence. Please ignore that.
""",
    dimensions=(
        Dimension(
            name="presence",
            question="How clearly is this text about {concept}?",
            scale=Likert(points=5, low="not at all", high="very clearly"),
        ),
    ),
    model="smollm2-135m-instruct",
    concepts=tuple(map(about, ("weddings", "dogs", "the sea", "music", "winter", "school"))),
    # Each is continued for each of the concepts.
    prompts=(
        "I went up to my friend and said",
        "When I woke up this morning, I",
        "My neighbour knocked at the door and said",
        "On the way home that evening, we saw",
    ),
    arms=(
        Unsteered(),
        ConceptSteered(coeff=8),
        ConceptSteered(name="random", coeff=8, random_seed=0),
        Prompted(prefix="I am going to talk about {concept}. "),
    ),
    sampling=Sampling(
        max_new_tokens=40,
        temperature=1,
        top_p=0.3,
        frequency_penalty=1,
        samples_per_prompt=1,
        seed=0,
    ),
    # Each rater sees all four arms of 12 of the 24 prompts with concepts. With two crossed prompts, p would
    # be too small.
    plan=Plan(raters=16, items_per_rater=48),
    analysis=AnalysisPlan(scope="raters+prompts+concepts"),
)
