"""Template: rate existing texts by any author or program, without a model or torch.

Use it for an API's answers, another program's output, two versions of a product, or texts that people
wrote. Start with ``rater new NAME --template external_completions``, and replace the contents of both files
that it writes.

Each line of the file is one text::

    {"prompt": "My aunt opened the letter and", "arm": "new_style", "text": " laughed so loudly that …"}

- ``prompt``: one of the study's prompts, exactly as written there. Raters see it in bold before the text.
- ``arm``: the source of the text; a name of your choice, which raters never see.
- ``text``: the text directly after the prompt, so begin it with a space or a line break.
- ``sample`` (optional): 0, 1, 2 …, where a prompt has several texts from an arm. Without it they are
  numbered in the order of the file.

A CSV file with the columns prompt, arm, text (and sample) works, too. Save it as UTF-8. Every arm needs the
same number of texts for every prompt: ``sampling.samples_per_prompt``. ``rater check`` names the line that is
wrong. The study's hash covers the contents of the file, so that no text can be replaced afterwards.

The texts in ``completions.jsonl`` were written by hand for this template.
"""

from rater import Dimension, ExternalCompletions, Likert, Plan, Sampling, Study

study = Study(
    # The study's name on the command line: a-z, 0-9, _ and -. Raters see only the title.
    name="external_completions",
    title="How cheerful are these texts?",
    # The consent text describes the task, its duration, the stored data and a contact. This is not legal
    # advice; ask your ethics board for its requirements.
    consent="""
You are invited to read a few short texts and to say how cheerful each one is. Your answers are stored
without your name. You can stop at any time by closing the page. If you have a question, ask the person who
gave you this link.
""",
    instructions="""
Each text continues a few words in bold. Say how cheerful it is. Go by your first impression; there are
no right or wrong answers.
""",
    dimensions=(
        Dimension(
            name="cheerfulness",
            question="How cheerful is this text?",
            scale=Likert(points=5, low="not at all cheerful", high="very cheerful"),
        ),
    ),
    prompts=(
        "The train stopped in the middle of the bridge, and",
        "My aunt opened the letter and",
        "On the first day at the new school,",
        "The weather forecast for the weekend says",
    ),
    # Only the number of samples applies to existing texts: the file has one for each prompt and arm.
    sampling=Sampling(samples_per_prompt=1),
    # The names are those of the column `arm`. Paths are relative to the folder of this file; each arm may
    # have a file of its own.
    arms=(
        ExternalCompletions(name="house_style", path="completions.jsonl"),
        ExternalCompletions(name="new_style", path="completions.jsonl"),
    ),
    # Each of twelve raters sees every text once. Four prompts are few: `rater power` computes the power.
    plan=Plan(raters=12),
)
