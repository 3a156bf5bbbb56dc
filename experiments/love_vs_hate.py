"""Test whether a model writes happier texts when "Love − Hate" is added to its activations: the demo study.

A language model reads a prompt as a sequence of vectors, its residual stream. This study takes the vectors
that "Love" has inside the model, subtracts those of "Hate", multiplies the difference by a coefficient, and
adds it to the first positions of each prompt. Then the model continues the text. Raters see texts with and
without that addition in random order, and rate how happy each one is; they cannot know which is which.

llm-steering did this with GPT-2 XL, coefficient 5 before layer 6, on the one prompt "I hate you because".
Coefficients do not carry over between models. Layer and coefficient were chosen for the small model that
comes with rater by sampling these prompts at layers 1 to 14 and coefficients 1 to 24 and reading the texts
(`rater sweep` and `rater compare` help with that):

- layer 6, coefficients 1 to 10 (llm-steering's layer): fluent, but barely happier than unsteered;
- layers 8 and 10, coefficients 3 to 10: a little happier, then stilted;
- layer 2, coefficient 10: fluent; love and family occur after most prompts, not always happily;
- layer 2, coefficient 12 (used here): love, family and support after nearly every prompt, still fluent;
- layer 2, coefficient 14: love in nearly every sentence, and some words that do not exist.

At layer 2 and coefficient 12 the addition is 18 to 29 times as long as the residual vectors it is added to
(at BOS the pair cancels). Words of love and joy outnumber those of hate and sorrow by 2.4 per text, against
0.6 without steering. For GPT-2 XL set ``model="gpt2-xl"``, ``coeff=5, at=6``.

To create a study of your own, copy this file, change its name and contents, and run ``rater check`` on it.
"""

from rater import Dimension, Likert, Plan, Sampling, Steered, Study, Unsteered, XVector

study = Study(
    # The study's name on the command line. Raters see only the title, which must not reveal the arms.
    name="love_vs_hate",
    title="How happy are these texts?",
    consent="""
You are invited to read some short texts and to say how happy each one is. The page before this one says how
many there are, and about how long that takes.

- The texts were written by a **computer program**. Some are odd, and a few may contain hateful, sad or coarse
  words. They are not about you, and you can stop at any time by closing the page.
- Your answers are stored, with the time of each and how long its text was shown. A random number in a cookie
  lets you come back to where you were. We do not ask for your name, your e-mail address or anything else
  about you.
- The answers are used to study how computer programs write, and may be published as numbers.
- If you have a question, ask the person who gave you this link.

Taking part is voluntary. By continuing you confirm that you are 18 or older and agree to this.
""",
    instructions="""
You will read texts, one to a page. A computer program wrote them, each as the continuation of a few words
that it was given.

Say how happy **the continuation** is: how much joy, warmth or contentment speaks from it. Go by your first
impression; there are no right or wrong answers. Many texts break off in the middle of a sentence. Please
ignore that, and judge what is there.
""",
    thanks="""
Thank you! That was the last text, and you can close this page.
""",
    dimensions=(
        Dimension(
            name="happiness",
            question="How happy is this text?",
            scale=Likert(points=5, low="not at all happy", high="very happy"),
        ),
    ),
    model="smollm2-135m-instruct",
    # The prompt of llm-steering and eleven more (dark, neutral, bright), to generalise over prompts.
    # Each must be at least as long as the addition: three tokens, the first of them BOS.
    prompts=(
        "I hate you because",
        "I love you because",
        "When I think about my family, I feel",
        "Last night my best friend told me that",
        "I want to tell you that",
        "When I woke up this morning, I",
        "People always tell me that I",
        "My brother and I haven't spoken since",
        "I went up to my friend and said",
        "I think you're",
        "After the argument, she",
        "My boss called me into her office and",
    ),
    # The sampling of llm-steering.
    sampling=Sampling(
        max_new_tokens=50,
        temperature=1,
        top_p=0.3,
        frequency_penalty=1,
        samples_per_prompt=4,
        seed=0,
    ),
    arms=(
        Unsteered(),
        # "Love" is one token to this model and "Hate" two, so the shorter is padded with a space.
        Steered(additions=(XVector("Love", "Hate", coeff=12, at=2, pad="space"),)),
    ),
    # Each rater sees one text of each prompt and arm.
    plan=Plan(raters=12),
)
