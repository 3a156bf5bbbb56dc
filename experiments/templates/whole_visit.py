"""Template: all pages that a rater can meet, from screening to a completion code.

In order: a content warning, consent, two screening questions, questions about the rater, instructions, a
practice trial, the texts with three questions each and a break, a question that measures the blinding, a last
question about the rater, a comment, and a completion code.
Leave out what you do not need: only consent, instructions and the questions are required.

The texts come from ``completions.jsonl``, so that this file can be tried without a model or torch. Start with
``rater new NAME --template whole_visit``, and change the file.
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
    Question,
    Sampling,
    ScreeningQuestion,
    Slider,
    Study,
)

study = Study(
    # The study's name on the command line: a-z, 0-9, _ and -. Raters see only the title.
    name="whole_visit",
    title="What do you think of these texts?",
    # Shown before consent. Texts for raters may use Markdown.
    content_notice="One text is about a letter from a **bank**.",
    consent="""
You are invited to read a few short texts and to answer three questions about each. Your answers are stored
without your name. You can stop at any time by closing the page. If you have a question, ask the person who
gave you this link.
""",
    # Raters with any other answer are screened out, with the code below. Their answers are not stored.
    screening=(
        ScreeningQuestion(question="Are you 18 or older?", options=("Yes", "No"), accepted=("Yes",)),
        ScreeningQuestion(
            question="How well do you read English?",
            options=("It is my first language", "Easily", "With effort"),
            accepted=("It is my first language", "Easily"),
        ),
    ),
    # Questions about the raters, each of which can be declined. The answers are personal data, and the report
    # has a table of them. With when="after", a question follows the trials.
    questionnaire=(
        Question(name="reads", question="Do you read for pleasure?", options=("Often", "Rarely", "Never")),
        Question(name="age", question="How old are you?", kind="number", minimum=18, unit="years"),
        Question(name="job", question="What is your job?", kind="text", when="after"),
    ),
    instructions="""
Each text continues a few words in bold. Answer by your first impression; there are no right or wrong
answers.
""",
    # `accepted` is the range of correct answers by dimension; on other dimensions any answer is accepted.
    # With practice_pass, raters with fewer correct practice trials in both attempts are screened out.
    practice=(
        Practice(
            prompt="The sun came out, and",
            text=" everybody ran into the garden, laughing.",
            accepted={"cheerfulness": (60, 100)},
            feedback="Everybody laughs: most people call this text **cheerful**.",
        ),
    ),
    practice_pass=1,
    # Each text has all these questions. Plan(asking="one_per_rater") asks each rater only one of them.
    dimensions=(
        # The first one is the primary dimension; AnalysisPlan(primary="…") names another.
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
    # The arms for which the first answer, "In a special way", is correct; by default all but unsteered ones.
    guessed_arms=("new_style",),
    final_comment="Was anything unclear, or is there something that we should know?",
    # Shown when the study has closed, because it would unblind raters who are still rating.
    debrief="Some texts were written in our **old style**, and some in a new one.",
    endings=Endings(
        finished=Ending(code="DONE-1", url="https://app.prolific.com/submissions/complete?cc=DONE-1"),
        screened_out=Ending(code="OUT-1"),
        stopped=Ending(code="STOP-1"),
    ),
    # Omit this without a recruitment platform. invited_only=True admits only raters with a personal link
    # from `rater invite`.
    recruitment=PROLIFIC,
    # After four hours without an answer, the booklet is assigned to another rater.
    reassign_after_hours=4,
    # In the footer of every page.
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
