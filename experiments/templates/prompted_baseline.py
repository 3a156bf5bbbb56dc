"""Template: compare steering with a prompt that asks for the same, and with a random direction.

Happier texts from a steered model mean little if a prompt that asks for happy texts, or any disturbance, has
the same effect. This study has four arms, of which raters see one text each for every prompt:

- ``unsteered``: the unchanged model;
- ``steered``: the activation addition that the study is about;
- ``steered-random``: a random direction, as long as that addition at each position. Its effect is the effect
  of any disturbance of that size;
- ``prompted``: the same model, with words before the prompt that ask for happy texts. Raters see the prompt
  and the text, but not these words.

Start with ``rater new NAME --template prompted_baseline``, and change the file. ``rater check`` prints the
input of each arm's model, token by token: read it once.

For a chat model that should answer rather than continue a text, set ``chat=True``. Each prompt is then sent
through the model's own chat template as a message of the user, and the baseline may be a system prompt,
``Prompted(system="…")``. Positions of additions count from the first token of the whole input, template
included. An addition at the front therefore changes the template's tokens, and not the prompt's. ``rater
check`` shows the position of the prompt itself.
"""

from rater import (
    AnalysisPlan,
    Dimension,
    Likert,
    Plan,
    Prompted,
    Sampling,
    Steered,
    Study,
    Unsteered,
    XVector,
    random_control,
)

# The arm of interest. `rater sweep` and `rater compare` help to choose the layer and the coefficient.
steered = Steered(additions=(XVector("Love", "Hate", coeff=12, at=2, pad="space"),))

study = Study(
    name="prompted_baseline",
    title="How happy are these texts?",
    consent="""
You are invited to read some short texts and to say how happy each one is. A computer program wrote them; a
few may contain sad, hateful or coarse words. Your answers are stored without your name. You can stop at any
time by closing the page. If you have a question, ask the person who gave you this link.
""",
    instructions="""
Each text continues a few words in bold. Say how happy **the continuation** is. Go by your first
impression; there are no right or wrong answers. Many texts break off in the middle of a sentence. Please
ignore that.
""",
    dimensions=(
        Dimension(
            name="happiness",
            question="How happy is this text?",
            scale=Likert(points=5, low="not at all happy", high="very happy"),
        ),
    ),
    model="smollm2-135m-instruct",
    # Each must be at least as long as the addition: three tokens, the first of them BOS.
    prompts=(
        "I hate you because",
        "When I think about my family, I feel",
        "Last night my best friend told me that",
        "When I woke up this morning, I",
        "I went up to my friend and said",
        "After the argument, she",
    ),
    sampling=Sampling(max_new_tokens=50, top_p=0.3, frequency_penalty=1, samples_per_prompt=4),
    arms=(
        Unsteered(),
        steered,
        # Another seed gives another direction; two or three such controls are better than one.
        random_control(steered, seed=0),
        # The words come directly before the prompt, so end them with a space or a line break.
        Prompted(prefix="This is a story full of love, joy and happiness. "),
    ),
    plan=Plan(raters=12),
    # The primary contrast: steering against prompting. The report has the other pairs of arms, too.
    analysis=AnalysisPlan(contrast=("steered", "prompted")),
)
