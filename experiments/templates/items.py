"""Template: prompts with fields, a concept and a task, that questions name and raters see.

Two questions: is the concept there, and is the task still done? The steered arm adds the difference between
two texts about weddings, so an effect is expected for one of the two concepts only.
"""

from rater import (
    Dimension,
    Item,
    Likert,
    Plan,
    Practice,
    Sampling,
    ShownField,
    Steered,
    Study,
    Unsteered,
    XVector,
)

study = Study(
    name="items",
    title="What are these texts about?",
    consent="""
You are invited to read some short texts and to answer two questions about each. A computer program wrote
them. Some are odd. Your answers are stored without your name, and are used for research. Taking part is
voluntary: you can stop at any time by closing the page.
""",
    instructions="""
Each text continues the words in bold. Above it you see the task that the program was given. The questions are
about **the continuation**. Use your first impression; there are no right or wrong answers. Many texts stop in
the middle of a sentence. Please ignore that.
""",
    # A practice trial brings the fields that its questions name and that raters see.
    practice=(
        Practice(
            prompt="On Sunday we",
            text=" threw sticks for the {concept} until they were tired.",
            fields={"concept": "dogs", "task": "Continue the sentence."},
            accepted={"presence": (4, 5)},
            feedback="The {concept} are what this text is about.",
        ),
    ),
    shown_fields=(ShownField(name="task", label="Task:"),),
    dimensions=(
        Dimension(
            name="presence",
            question="How clearly is this text about {concept}?",
            scale=Likert(points=5, low="not at all", high="very clearly"),
        ),
        Dimension(
            name="task_done",
            question="How well does the text do its task?",
            scale=Likert(points=5, low="not at all", high="very well"),
        ),
    ),
    # Every item gets texts of both arms. Its fields are public and the same in all arms.
    items=[
        Item(prompt=prompt, concept=concept, task="Continue the sentence.")
        for prompt in (
            "I went up to my friend and said",
            "Last night my neighbour told me that",
            "When I woke up this morning, I",
            "On my way to work I",
            "My sister called me and",
            "The best thing about summer is",
        )
        for concept in ("weddings", "dogs")
    ],
    model="smollm2-135m-instruct",
    arms=(
        Unsteered(),
        Steered(additions=(XVector("I talk about weddings", "I do not talk", coeff=6, at=6, pad="space"),)),
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
