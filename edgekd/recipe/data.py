"""The data, its split, its features and its views."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgekd.recipe.section import Section


class Split(Section):
    """Which samples are held out; all the others train.

    Attributes:
        kind: ``random``: drawn by class and seed. ``official``: test is what the source says is
            test. ``groups``: test is every sample of the groups in ``held_out`` (speakers, for
            example), so that no group is on both sides.
        validation: samples, drawn by class and seed from what is not test.
        test: samples, for ``random``.
        held_out: names of groups, for ``groups``.
    """

    kind: Literal["random", "official", "groups"] = "random"
    validation: int = Field(ge=1)
    test: int | None = Field(default=None, ge=1)
    held_out: list[str] = Field(default=[])
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _keys_fit_the_kind(self) -> Split:
        if (self.test is not None) != (self.kind == "random"):
            raise ValueError("test (a number of samples) goes with kind: random, and only there")
        if bool(self.held_out) != (self.kind == "groups"):
            raise ValueError("held_out (names of groups) goes with kind: groups, and only there")
        return self


class FrontEnd(Section):
    """Audio to features, ``[1, frames, bins]`` float32, by steps that a microcontroller can repeat.

    Clips are cut or padded with zeros to ``seconds``; frames are 1 + (samples - window) // stride.

    Attributes:
        kind: ``log-mel``: log of mel energies; ``mfcc``: first ``coefficients`` of their DCT-II.
        sample_rate: hertz; files of another rate are refused or resampled by the source.
        seconds: length of a clip.
        window_ms: length of a frame, periodic Hann window.
        stride_ms: from one frame to the next.
        mel_bins: triangular filters, evenly spaced on the HTK mel scale.
        coefficients: kept by ``mfcc``.
        low_hz: lower edge of the lowest filter.
        high_hz: upper edge of the highest filter, at most half the sample rate.
    """

    kind: Literal["log-mel", "mfcc"] = "mfcc"
    sample_rate: int = Field(default=16_000, ge=1000, le=192_000)
    seconds: float = Field(default=1.0, gt=0, le=60)
    window_ms: float = Field(default=40.0, gt=0, le=1000)
    stride_ms: float = Field(default=20.0, gt=0, le=1000)
    mel_bins: int = Field(default=40, ge=1, le=512)
    coefficients: int = Field(default=10, ge=1, le=512)
    low_hz: float = Field(default=20.0, ge=0)
    high_hz: float = Field(default=4000.0, gt=0)

    @model_validator(mode="after")
    def _holds_together(self) -> FrontEnd:
        if not self.low_hz < self.high_hz <= self.sample_rate / 2:
            raise ValueError("low_hz < high_hz <= sample_rate / 2 does not hold")
        if self.kind == "mfcc" and self.coefficients > self.mel_bins:
            raise ValueError("there are more coefficients than mel_bins")
        if self.window_ms > self.seconds * 1000:
            raise ValueError("the window is longer than the clip")
        return self


class Text(Section):
    """Texts to token numbers, ``[length]`` int32, by a tokenizer of Hugging Face's ``tokenizers``.

    The tokenizer learns from the training texts alone; 0 is the padding.

    Attributes:
        kind: of the tokenizer that is trained.
        vocabulary: most tokens that it may have, special ones included.
        length: tokens of a text; a longer one is cut, a shorter one padded.
        lowercase: capital letters and accents are dropped.
        of: a ``tokenizer.json``, a Hugging Face folder or id, or ``package:NAME``: its tokens that
            the training texts use are taken, the most frequent first, and nothing is trained. The
            student then cuts texts as the teacher does, and signals can compare their tokens.
    """

    kind: Literal["word-piece", "bpe", "word-level"] = "word-piece"
    vocabulary: int = Field(default=3000, ge=100, le=1_000_000)
    length: int = Field(default=32, ge=3, le=8192)
    lowercase: bool = True
    of: str | None = None


class Data(Section):
    """Where samples come from and how they are split.

    Attributes:
        source: a name in ``edgekd.data.SOURCES``.
        path: folder or file for the sources that need one, relative to the recipe. ``${NAME}``
            and ``${NAME:-default}`` are taken from the environment.
        image_size: height and width that ``image_folder`` resizes to.
        channels: 1 grey or 3 colour, for ``image_folder``.
        front_end: features of audio, for ``wav_folder`` and ``fsdd``.
        text: tokens of texts, for the sources that hold texts.
        labels: how many training labels the student's arms may see, balanced over the classes;
            null: all. The other training samples stay, without their labels.
        normal: for anomaly detection: the classes that are normal. Training holds only these; in
            validation and test data all other classes are anomalies.
        mean: per channel, after scaling to [0, 1]; one value serves all channels.
        std: per channel, likewise.
    """

    source: str
    path: str | None = None
    image_size: tuple[int, int] | None = Field(default=None, strict=False)
    channels: Literal[1, 3] = 1
    front_end: FrontEnd | None = None
    text: Text | None = None
    split: Split
    labels: int | None = Field(default=None, ge=1)
    normal: list[str] = Field(default=[])
    mean: list[float] = Field(default=[0.0], min_length=1)
    std: list[Annotated[float, Field(gt=0)]] = Field(default=[1.0], min_length=1)


class AudioAugmentation(Section):
    """Random changes of a clip before its features are computed.

    Attributes:
        shift: largest shift in time, seconds; what comes in is silence.
        speed: largest relative change of speed (and pitch).
        gain_db: largest change of loudness, decibel.
        noise: largest level of white noise, as a fraction of the clip's root mean square.
    """

    shift: float = Field(default=0.0, ge=0, le=10)
    speed: float = Field(default=0.0, ge=0, lt=1)
    gain_db: float = Field(default=0.0, ge=0, le=60)
    noise: float = Field(default=0.0, ge=0, le=10)


class TextAugmentation(Section):
    """Random changes of the words of a text.

    Attributes:
        drop: share of the words that are left out; one always stays.
        swap: share of the words that change places with the next one.
    """

    drop: float = Field(default=0.0, ge=0, lt=1)
    swap: float = Field(default=0.0, ge=0, lt=1)


class Augmentation(Section):
    """Random views of a sample. Each sample has ``views`` fixed ones, the first itself.

    The teacher is asked once about each view, and the student sees the same view with that answer:
    function matching (Beyer et al. 2022, "Knowledge distillation: A good teacher is patient and
    consistent").

    Attributes:
        views: views of each sample that students train on.
        rotation: largest angle of an image, degrees.
        translation: largest shift, as a fraction of the image side.
        scaling: largest relative change of size.
        flip: mirror half of the views left to right.
        mixup: views are mixed with a view of another sample; the share of the other is drawn from
            0 to ``mixup`` (Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization").
        audio: changes of a clip, for data with a front end.
        text: changes of a text.
    """

    views: int = Field(default=12, ge=1, le=1000)
    rotation: float = Field(default=0.0, ge=0, le=180)
    translation: float = Field(default=0.0, ge=0, lt=1)
    scaling: float = Field(default=0.0, ge=0, lt=1)
    flip: bool = False
    mixup: float = Field(default=0.0, ge=0, le=0.5)
    audio: AudioAugmentation | None = None
    text: TextAugmentation | None = None
