"""Test how the effect of "Love − Hate" grows with its dose, next to a random direction: dose–response.

Five doses of one vector, the unsteered model as dose 0, and a random direction as long as the largest dose.
If the direction matters, answers rise with the dose, and the largest dose has a larger effect than the
random direction.

llm-steering had no such study. It used "Love − Hate" on GPT-2 XL with coefficient 5 before layer 6, and
swept coefficients from −4 to 4 (Anger − Calm) by counting words. For GPT-2 XL set ``model="gpt2-xl"``,
``at=6`` and doses around 5, such as (1, 2, 4, 6, 8).

For the small model that comes with rater, the layer and the range were found by sampling, as `rater sweep`
does. At layer 2, texts are fluent at coefficients up to 10; at 12, love and family follow nearly every
prompt; from 14 on, some words do not exist (see ``love_vs_hate.py``). So the doses are 3, 6, 8, 10 and 12,
with smaller steps where the effect is.
"""

from rater import (
    AnalysisPlan,
    Dimension,
    Likert,
    Plan,
    Sampling,
    Study,
    Unsteered,
    XVector,
    dose_series,
    random_control,
)

doses = dose_series(XVector("Love", "Hate", coeff=1, at=2, pad="space"), doses=(3, 6, 8, 10, 12), name="love")

study = Study(
    name="dose_response",
    title="How happy are these texts?",
    consent="""
You are invited to read some short texts and to say how happy each one is. The page before this one says how
many there are, and about how long that takes.

- The texts were written by a **computer program**. Some are odd, and a few may contain hateful, sad or
  coarse words. They are not about you, and you can stop at any time by closing the page.
- Your answers are stored, with the time of each and how long its text was shown. A random number in a
  cookie lets you come back to where you were. We do not ask for your name, your e-mail address or anything
  else about you.
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
        "I love you because",
        "When I think about my family, I feel",
        "Last night my best friend told me that",
        "When I woke up this morning, I",
        "I went up to my friend and said",
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
    # The unsteered model is dose 0. The random control is as long as the largest dose, and not part of the
    # dose series: it measures the effect of any disturbance of that size.
    arms=(Unsteered(), *doses, random_control(doses[-1])),
    # Each rater sees one text of each prompt and arm: 8 × 7.
    plan=Plan(raters=14),
    analysis=AnalysisPlan(contrast=("love-12", "love-12-random")),
)
