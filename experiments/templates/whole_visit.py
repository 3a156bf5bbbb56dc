"""Template: everything that a rater can meet on the way, from screening to a code at the end.

A rater meets these in order: what may disturb, consent, two questions that find those who can take part, how
to rate, a text to practise on, the texts with three questions under each and a rest between them, a question
that shows whether they saw through the blinding, a comment, and a code. Leave out what you do not need: each
part but consent, instructions and the questions is optional.

The texts come from ``completions.jsonl``, so that this file can be tried without a model or torch. Start with
``rater new NAME --template whole_visit``, and change what follows.
"""

from rater import (
    PROLIFIC,
    BlindingQuestion,
    Dimension,
    Ending,
    Endings,
    ExternalCompletions,
    Likert,
    Plan,
    Practice,
    Sampling,
    ScreeningQuestion,
    Slider,
    Study,
)

study = Study(
    # The study's name on the command line: a-z, 0-9, _ and -. Raters see only the title.
    name="whole_visit",
    title="What do you think of these texts?",
    # Said before consent. Raters' texts take Markdown.
    content_notice="One text is about a letter from a **bank**.",
    consent="""
You are invited to read a few short texts and to answer three questions about each. Your answers are stored
without your name. You can stop at any time by closing the page. If you have a question, ask the person who
gave you this link.
""",
    # Who gives another answer is let out, with the code for that. What was answered is not stored.
    screening=(
        ScreeningQuestion(question="Are you 18 or older?", options=("Yes", "No"), accepted=("Yes",)),
        ScreeningQuestion(
            question="How well do you read English?",
            options=("It is my first language", "Easily", "With effort"),
            accepted=("It is my first language", "Easily"),
        ),
    ),
    instructions="""
Each text continues a few words in bold. Answer by your first impression; there are no right or wrong
answers.
""",
    # `accepted` is from the lowest to the highest answer that is right, by dimension; of the other dimensions
    # any answer is. With practice_pass, who rates fewer texts right, twice, is let out.
    practice=(
        Practice(
            prompt="The sun came out, and",
            text=" everybody ran into the garden, laughing.",
            accepted={"cheerfulness": (60, 100)},
            feedback="Everybody laughs: most people call this text **cheerful**.",
        ),
    ),
    practice_pass=1,
    # All are asked under each text. Plan(asking="one_per_rater") asks each rater only one of them.
    dimensions=(
        # The first one is tested first; AnalysisPlan(primary="…") names another.
        Dimension(
            name="cheerfulness",
            question="How cheerful is this text?",
            scale=Slider(low="gloomy", high="cheerful"),
            cannot_judge=True,
        ),
        Dimension(
            name="clarity",
            question="How clear is it?",
            scale=Likert(points=5, low="not at all clear", high="very clear"),
        ),
        Dimension(
            name="likeness",
            question="Could a person have written it?",
            scale=Likert(points=7, low="certainly not", high="certainly"),
            comment="Why?",
        ),
    ),
    break_every=4,
    blinding=BlindingQuestion(n_texts=2),
    # Which arms the first answer, "In a special way", is right for; without this, all but unsteered ones.
    guessed_arms=("new_style",),
    final_comment="Was anything unclear, or is there something that we should know?",
    # Shown when the study has closed, since it tells what those who still rate must not know.
    debrief="Some texts were written in our **old style**, and some in a new one.",
    endings=Endings(
        finished=Ending(code="DONE-1", url="https://app.prolific.com/submissions/complete?cc=DONE-1"),
        screened_out=Ending(code="OUT-1"),
        stopped=Ending(code="STOP-1"),
    ),
    # Without a recruitment site leave this out. invited_only=True lets in only who has a link of their own,
    # which `rater invite` makes.
    recruitment=PROLIFIC,
    # Who has not answered for four hours loses the place to the next rater, so that the study fills up.
    reassign_after_hours=4,
    # On the foot of every page.
    contact="Ada Example, ada@example.org",
    prompts=(
        "The train stopped in the middle of the bridge, and",
        "My aunt opened the letter and",
        "On the first day at the new school,",
        "The weather forecast for the weekend says",
    ),
    sampling=Sampling(samples_per_prompt=1),
    arms=(
        ExternalCompletions(name="house_style", path="completions.jsonl"),
        ExternalCompletions(name="new_style", path="completions.jsonl"),
    ),
    plan=Plan(raters=12),
)
