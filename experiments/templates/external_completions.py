"""Template: rate existing texts by any author or program, without a model or torch.

Use it for an API's answers, another program's output, two versions of a product, or texts that people
wrote. Start with ``rater new NAME --template external_completions``, and replace what is in both
files that it writes.

Each line of the file is one text::

    {"prompt": "My aunt opened the letter and", "arm": "new_style", "text": " laughed so loudly that …"}

- ``prompt``: one of the study's prompts, letter by letter. Raters see it in bold before the text.
- ``arm``: where the text comes from; a name of your choosing, which no rater ever sees.
- ``text``: the text directly after the prompt, so begin it with a space or a line break.
- ``sample`` (if you like): 0, 1, 2 …, where a prompt has several texts from an arm. Without it they are
  numbered as they come.

A CSV file with the columns prompt, arm, text (and sample) does as well. Save it as UTF-8. Every arm needs
the same number of texts for every prompt: ``sampling.samples_per_prompt``. ``rater check`` says which line
is wrong. The study's hash covers what is in the file, so that nobody can exchange a text afterwards.

The texts in ``completions.jsonl`` were written by hand for this template.
"""

from rater import Dimension, ExternalCompletions, Likert, Plan, Sampling, Study

study = Study(
    # The study's name on the command line: a-z, 0-9, _ and -. Raters see only the title.
    name="external_completions",
    title="How cheerful are these texts?",
    # What raters agree to: what is asked, how long it takes, what is stored, whom to ask. This is not legal
    # advice; ask your ethics board what it wants to read here.
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
    # Of the sampling, only the number of texts matters here: the file has one for each prompt and arm.
    sampling=Sampling(samples_per_prompt=1),
    # An arm's name is the one in the file. Paths start in the folder of this file; two files do as well as
    # one.
    arms=(
        ExternalCompletions(name="house_style", path="completions.jsonl"),
        ExternalCompletions(name="new_style", path="completions.jsonl"),
    ),
    # Twelve raters see every text once each. Four prompts are few: `rater power` says what that can show.
    plan=Plan(raters=12),
)
