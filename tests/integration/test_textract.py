"""Textract through the real client, against a stand-in that fails as the service fails."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageDraw

from pipeline.engines.ocr.textract import TextractOcr
from pipeline.engines.ocr.textract_client import textract as textract_client
from pipeline.engines.ocr.textract_jobs import Notices, TextractJobs
from pipeline.engines.ocr.textract_limits import MOST_BYTES_AT_ONCE
from pipeline.errors import BadDocument, Misconfigured, NotReady, ServiceUnavailable, Throttled
from pipeline.model import FailedPage, ObjectPlace, Page, PageImage, Source, Usage
from pipeline.stores.answers import MemoryAnswers
from tests.office import Ledger
from tests.standins.textract import Document, Textract, textract
from tests.standins.textract_pages import HEIGHT, LETTER, Line, Pair, Sheet, Table

if TYPE_CHECKING:
    from types_boto3_textract.type_defs import DocumentLocationTypeDef

PLACE = ObjectPlace("matter", "files/letter.pdf")
FILE = PLACE.bucket, PLACE.key
TOKEN = "document 1, content ab12"
LETTER_PAGE = Sheet([Line("Harald Lind wrote", 0.1, 0.1, 98), Line("to Lisbon.", 0.1, 0.13, 90), Line("Yours", 0.1, 0.3)])


@pytest.fixture(scope="module")
def serving() -> Iterator[Textract]:
    with textract() as service:
        yield service


@pytest.fixture
def service(serving: Textract) -> Textract:
    serving.reset()
    serving.documents[FILE] = Document([LETTER_PAGE])
    return serving


@pytest.fixture(scope="module")
def plain_jobs(serving: Textract) -> TextractJobs:
    return TextractJobs((), serving.access())


@pytest.fixture
def jobs(service: Textract, plain_jobs: TextractJobs) -> TextractJobs:
    return plain_jobs


def read(jobs: TextractJobs, token: str = TOKEN) -> list[Page | FailedPage]:
    return list(jobs.check(jobs.submit(PLACE, token), 0))


def pages(jobs: TextractJobs, token: str = TOKEN) -> list[Page]:
    return [page for page in read(jobs, token) if isinstance(page, Page)]


def picture(text: str = "Harald", size: tuple[int, int] = (800, 600)) -> PageImage:
    image = Image.new("L", size, "white")
    ImageDraw.Draw(image).text((100, 100), text, fill="black")
    return PageImage(7, *size, 1, image.tobytes(), 100)


class TestJobs:
    def test_a_page_comes_with_words_boxes_and_confidence(self, jobs: TextractJobs) -> None:
        (page,) = pages(jobs)
        assert (page.number, page.source) == (1, Source.OCR)
        assert page.text == "Harald Lind wrote\nto Lisbon.\n\nYours"
        assert [page.text[word.start : word.end] for word in page.words] == page.text.split()
        lind = page.words[1]
        assert lind.box == pytest.approx((0.1 + 7 * LETTER, 0.1, 0.1 + 11 * LETTER, 0.1 + HEIGHT))
        assert lind.confidence == pytest.approx(0.98)
        assert 0.90 < page.confidence < 0.99

    def test_a_job_is_not_waited_for(self, service: Textract, jobs: TextractJobs) -> None:
        service.polls = 2
        job = jobs.submit(PLACE, TOKEN)
        waits = []
        for waited in (0.0, 100.0):
            with pytest.raises(NotReady) as fault:
                jobs.check(job, waited)
            waits.append(fault.value.check_again_in)
        assert waits == [5.0, 25.0]
        assert isinstance(next(iter(jobs.check(job, 100.0))), Page)
        service.seconds = 1000
        with pytest.raises(NotReady) as fault:
            jobs.check(jobs.submit(PLACE, "another"), 3600)
        assert fault.value.check_again_in == 60.0

    def test_the_same_token_gives_the_same_job(self, service: Textract, jobs: TextractJobs) -> None:
        first = jobs.submit(PLACE, TOKEN)
        assert jobs.submit(PLACE, TOKEN) == first
        assert len(first) <= 80
        assert jobs.submit(PLACE, TOKEN + "!") != first
        assert len(service.jobs) == 2

    def test_other_options_are_another_job(self, service: Textract, jobs: TextractJobs) -> None:
        tables = TextractJobs(["tables"], service.access())
        assert jobs.submit(PLACE, TOKEN) != tables.submit(PLACE, TOKEN)
        told = TextractJobs((), service.access(), Notices("arn:aws:sns:eu-west-1:1:ended", "arn:aws:iam::1:role/textract"))
        assert told.submit(PLACE, TOKEN) != jobs.submit(PLACE, TOKEN)
        assert jobs.engine != tables.engine

    def test_a_job_outlives_a_change_of_options(self, service: Textract, jobs: TextractJobs) -> None:
        job = jobs.submit(PLACE, TOKEN)
        (page,) = TextractJobs(["TABLES"], service.access()).check(job, 0)
        assert isinstance(page, Page)

    def test_results_come_in_parts(self, service: Textract, jobs: TextractJobs) -> None:
        sheets = [Sheet([Line(f"page {n} line {m}", 0.1, 0.1 + m / 40) for m in range(7)]) for n in range(1, 6)]
        service.documents[FILE] = Document(sheets)
        whole = pages(jobs)
        service.most_blocks = 3
        assert pages(jobs) == whole
        assert [page.number for page in whole] == [1, 2, 3, 4, 5]
        assert service.calls["GetDocumentTextDetection"] > 40

    def test_pages_come_as_their_parts_do(self, service: Textract, jobs: TextractJobs) -> None:
        sheet = Sheet([Line(f"line {n}", 0.1, n / 50) for n in range(30)])
        service.documents[FILE] = Document([sheet] * 50)
        service.most_blocks = len(sheet.blocks(1))
        results = jobs.check(jobs.submit(PLACE, TOKEN), 0)
        for number in range(1, 51):
            page = next(results)
            assert isinstance(page, Page)
            assert page.number == number
            assert service.calls["GetDocumentTextDetection"] <= number + 1
        assert not list(results)

    def test_throttling_between_parts_does_not_begin_anew(self, service: Textract, jobs: TextractJobs) -> None:
        service.most_blocks = 3
        service.refusals["GetDocumentTextDetection"] = ["ProvisionedThroughputExceededException", "ThrottlingException"]
        assert pages(jobs)[0].text.startswith("Harald")

    @pytest.mark.parametrize(
        ("code", "wait"),
        [("ProvisionedThroughputExceededException", 2), ("ThrottlingException", 5), ("LimitExceededException", 30)],
    )
    def test_throttling_of_a_submission_is_said(self, service: Textract, jobs: TextractJobs, code: str, wait: float) -> None:
        service.refusals["StartDocumentTextDetection"] = [code]
        with pytest.raises(Throttled) as fault:
            jobs.submit(PLACE, TOKEN)
        assert fault.value.retry_after == wait
        assert service.calls["StartDocumentTextDetection"] == 1
        jobs.submit(PLACE, TOKEN)

    def test_a_wait_that_the_service_names_is_kept(self, service: Textract, jobs: TextractJobs) -> None:
        service.retry_after = "17"
        service.refusals["StartDocumentTextDetection"] = ["ThrottlingException"]
        with pytest.raises(Throttled) as fault:
            jobs.submit(PLACE, TOKEN)
        assert fault.value.retry_after == 17

    def test_too_many_jobs_at_once_wait(self, service: Textract, jobs: TextractJobs) -> None:
        service.most_jobs, service.polls = 1, 1
        first = jobs.submit(PLACE, "first")
        with pytest.raises(Throttled):
            jobs.submit(PLACE, "second")
        service.polls = 0
        assert list(jobs.check(first, 0))
        jobs.submit(PLACE, "second")

    def test_pages_that_failed_are_named(self, service: Textract, jobs: TextractJobs) -> None:
        service.documents[FILE] = Document([LETTER_PAGE] * 4, "PARTIAL_SUCCESS", failed=[2, 4])
        results = read(jobs)
        assert [(type(each), each.number) for each in results] == [(Page, 1), (Page, 3), (FailedPage, 2), (FailedPage, 4)]
        failed = results[-1]
        assert isinstance(failed, FailedPage)
        assert failed.reason == "Textract could not read page 4 (PAGE_NOT_READABLE)."

    def test_a_job_that_failed_says_why(self, service: Textract, jobs: TextractJobs) -> None:
        service.documents[FILE] = Document([], "FAILED", "INVALID_IMAGE_TYPE")
        with pytest.raises(BadDocument, match=r"could not read the file \(INVALID_IMAGE_TYPE\)\."):
            read(jobs)

    def test_a_job_that_failed_by_the_services_fault_is_begun_anew(self, service: Textract, jobs: TextractJobs) -> None:
        service.documents[FILE] = Document([], "FAILED", "INTERNAL_ERROR")
        with pytest.raises(ServiceUnavailable) as fault:
            read(jobs)
        assert fault.value.code == "job_lost"

    def test_a_job_that_is_forgotten_is_begun_anew(self, service: Textract, jobs: TextractJobs) -> None:
        job = jobs.submit(PLACE, TOKEN)
        service.forget()
        with pytest.raises(ServiceUnavailable) as fault:
            jobs.check(job, 8 * 86400)
        assert fault.value.code == "job_lost"
        assert list(jobs.check(jobs.submit(PLACE, TOKEN + " again"), 0))

    def test_a_file_that_cannot_be_fetched_is_a_wrong_setting(self, jobs: TextractJobs) -> None:
        with pytest.raises(Misconfigured, match="s3://matter/absent") as fault:
            jobs.submit(ObjectPlace("matter", "absent"), TOKEN)
        assert fault.value.code == "not_fetched"

    @pytest.mark.parametrize(
        ("code", "ours"),
        [
            ("UnsupportedDocumentException", "unsupported_format"),
            ("DocumentTooLargeException", "too_large"),
            ("BadDocumentException", "unreadable"),
        ],
    )
    def test_a_file_that_is_refused_is_a_bad_document(
        self, service: Textract, jobs: TextractJobs, code: str, ours: str
    ) -> None:
        service.refusals["StartDocumentTextDetection"] = [code]
        with pytest.raises(BadDocument) as fault:
            jobs.submit(PLACE, TOKEN)
        assert fault.value.code == ours

    def test_a_fault_of_the_service_passes(self, service: Textract, jobs: TextractJobs) -> None:
        service.refusals["StartDocumentTextDetection"] = ["InternalServerError"]
        with pytest.raises(ServiceUnavailable):
            jobs.submit(PLACE, TOKEN)

    @pytest.mark.parametrize(
        ("media_type", "size", "count", "code"),
        [
            ("application/msword", 1, 0, "unsupported_format"),
            ("", 1, 0, "unsupported_format"),
            ("image/png", 10 * 2**20 + 1, 1, "too_large"),
            ("application/pdf", 500 * 2**20 + 1, 0, "too_large"),
            ("application/pdf", 1000, 3001, "too_many_pages"),
        ],
    )
    def test_limits_are_known_beforehand(
        self, jobs: TextractJobs, media_type: str, size: int, count: int, code: str
    ) -> None:
        with pytest.raises(BadDocument) as fault:
            jobs.admit(media_type, size, count)
        assert fault.value.code == code

    def test_what_is_within_the_limits_is_admitted(self, jobs: TextractJobs) -> None:
        jobs.admit("application/pdf", 500 * 2**20, 3000)
        jobs.admit("image/jpeg", 10 * 2**20)


class TestFeatures:
    def test_tables_are_rows_and_every_word_stands_once(self, service: Textract) -> None:
        table = Table([["Item", "Price", "Paid"], ["Two chairs", "40.00", "[x]"], ["", "40.00", "[ ]"]])
        sheet = Sheet([Line("Invoice of May", top=0.1), Line("Thank you", top=0.9)], [table])
        service.documents[FILE] = Document([sheet])
        (page,) = pages(TextractJobs(["TABLES"], service.access()))
        table_text = "Item\tPrice\tPaid\nTwo chairs\t40.00\t[x]\n\t40.00\t[ ]"
        assert page.text == f"Invoice of May\n\n{table_text}\n\nThank you"
        between = page.text
        for word in reversed(page.words):
            between = between[: word.start] + between[word.end :]
        assert not between.strip()

    def test_without_tables_the_same_words_come(self, service: Textract) -> None:
        service.documents[FILE] = Document([Sheet(tables=[Table([["Item", "Price"], ["Chair", "40.00"]])])])
        (plain,) = pages(TextractJobs((), service.access()))
        (table,) = pages(TextractJobs(["TABLES"], service.access()))
        assert plain.text.split() == table.text.split() == ["Item", "Price", "Chair", "40.00"]

    def test_pairs_stand_together(self, service: Textract) -> None:
        sheet = Sheet(
            [Line("Application", top=0.1)],
            pairs=[Pair("Name:", "Ana Lind", 0.1, 0.2), Pair("Born", "1970", 0.1, 0.25, value_at=(0.7, 0.31))],
        )
        service.documents[FILE] = Document([sheet])
        (page,) = pages(TextractJobs(["FORMS"], service.access()))
        assert page.text.split("\n") == ["Application", "", "Name: Ana Lind", "", "Born: 1970"]

    def test_the_layout_gives_the_order(self, service: Textract) -> None:
        lines = [Line("second", 0.1, 0.1), Line("first", 0.6, 0.1), Line("third", 0.1, 0.2), Line("left over", 0.1, 0.9)]
        service.documents[FILE] = Document([Sheet(lines, parts=[[1], [0, 2]])])
        (page,) = pages(TextractJobs(["LAYOUT"], service.access()))
        assert page.text == "first\n\nsecond\nthird\n\nleft over"

    def test_an_unknown_feature_is_a_wrong_setting(self, service: Textract) -> None:
        with pytest.raises(Misconfigured, match="PICTURES"):
            TextractJobs(["pictures"], service.access())


class TestOrder:
    def test_columns_of_prose_are_read_one_after_the_other(self, service: Textract, jobs: TextractJobs) -> None:
        left = [Line(f"left {n} of a column with words", 0.1, 0.2 + n * 0.025) for n in range(4)]
        right = [Line(f"right {n} of a column with words", 0.55, 0.2 + n * 0.025) for n in range(4)]
        title = Line("A title that spans all columns below, " + "x" * 40, 0.1, 0.1)
        service.documents[FILE] = Document(
            [Sheet([title, *(line for pair in zip(left, right, strict=True) for line in pair)])]
        )
        (page,) = pages(jobs)
        assert [line.split(" of")[0] for line in page.text.splitlines() if line] == [
            title.text, "left 0", "left 1", "left 2", "left 3", "right 0", "right 1", "right 2", "right 3",
        ]  # fmt: skip

    def test_words_side_by_side_share_a_line(self, service: Textract, jobs: TextractJobs) -> None:
        rows = [(Line(name, 0.1, 0.1 + n * 0.025), Line(value, 0.6, 0.1 + n * 0.025)) for n, (name, value) in enumerate(
            [("Name", "Ana Lind"), ("Date", "1 May 1990"), ("Place", "Lisbon")]
        )]  # fmt: skip
        service.documents[FILE] = Document([Sheet([line for row in rows for line in row])])
        assert pages(jobs)[0].text == "Name\tAna Lind\nDate\t1 May 1990\nPlace\tLisbon"

    @pytest.mark.parametrize("quarter", [1, 2, 3])
    def test_a_turned_page_is_read_in_order_with_boxes_as_it_lies(
        self, service: Textract, jobs: TextractJobs, quarter: int
    ) -> None:
        upright = pages(jobs)[0].text
        service.documents[FILE] = Document([Sheet([replace(line, quarter=quarter) for line in LETTER_PAGE.lines])])
        (page,) = pages(jobs, "turned")
        assert page.text == upright
        box = page.words[0].box
        middle = ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
        assert (middle[0] > 0.5, middle[1] > 0.5) == {1: (True, False), 2: (True, True), 3: (False, True)}[quarter]


class TestAtOnce:
    def test_reads_a_page(self, service: Textract) -> None:
        page = TextractOcr((), service.access()).recognize(picture())
        assert (page.number, page.text, page.source) == (7, "Harald Lind wrote to Lisbon.", Source.OCR)
        assert (page.width, page.height) == (576.0, 432.0)
        assert service.calls["DetectDocumentText"] == 1

    def test_features_are_asked_for(self, service: Textract) -> None:
        service.image = Sheet(tables=[Table([["a", "b"]])])
        assert TextractOcr(["TABLES"], service.access()).recognize(picture()).text == "a\tb"
        assert service.calls["AnalyzeDocument"] == 1

    def test_a_blank_page_is_not_paid_for(self, service: Textract) -> None:
        page = TextractOcr((), service.access()).recognize(picture(""))
        assert (page.text, page.words, page.confidence) == ("", (), 1.0)
        assert not service.calls

    def test_a_page_is_counted_and_paid_for_once(self, service: Textract) -> None:
        ledger, answers = Ledger(), MemoryAnswers()
        first, again = (TextractOcr(["TABLES"], service.access(), ledger, answers).recognize(picture()) for _ in range(2))
        assert first == again
        assert ledger.used == [Usage("textract", "textract:tables", pages=1)]
        assert service.calls["AnalyzeDocument"] == 1

    def test_a_picture_that_is_too_large_is_made_to_fit(self, service: Textract) -> None:
        noise = Image.effect_noise((2600, 2400), 90)
        TextractOcr((), service.access()).recognize(PageImage(1, 2600, 2400, 1, noise.tobytes()))
        (sent,) = service.images
        assert len(sent) <= MOST_BYTES_AT_ONCE
        assert sent.startswith(b"\xff\xd8")

    def test_a_picture_that_is_too_long_is_made_to_fit(self, service: Textract) -> None:
        TextractOcr((), service.access()).recognize(picture("long " * 500, (12_000, 300)))
        (sent,) = service.images
        assert int.from_bytes(sent[16:20]) == 10_000

    def test_pixels_that_do_not_fit_are_a_bad_document(self, service: Textract) -> None:
        with pytest.raises(BadDocument) as fault:
            TextractOcr((), service.access()).recognize(PageImage(1, 100, 100, 1, b"short"))
        assert fault.value.code == "bad_image"

    def test_throttling_is_said_and_not_tried_again(self, service: Textract) -> None:
        service.refusals["DetectDocumentText"] = ["ProvisionedThroughputExceededException"]
        with pytest.raises(Throttled):
            TextractOcr((), service.access()).recognize(picture())
        assert service.calls["DetectDocumentText"] == 1


class TestAccess:
    @pytest.mark.parametrize("features", [(), ("TABLES",)])
    def test_probe_says_where_it_is(self, service: Textract, features: tuple[str, ...]) -> None:
        assert TextractJobs(features, service.access()).probe("matter") == "Textract in eu-west-1"
        assert not service.jobs

    @pytest.mark.parametrize("call", ["StartDocumentAnalysis", "GetDocumentAnalysis"])
    def test_probe_finds_each_permission(self, service: Textract, call: str) -> None:
        service.denied = {call}
        with pytest.raises(Misconfigured, match=call):
            TextractJobs(["TABLES"], service.access()).probe("matter")

    def test_a_wrong_key_is_said_without_it(self, service: Textract) -> None:
        with pytest.raises(Misconfigured, match="AWS_ACCESS_KEY_ID") as fault:
            TextractJobs((), service.access("AKIDSTRANGER")).probe("matter")
        assert fault.value.code == "wrong_key"
        assert "STRANGER" not in repr(fault.value)

    def test_a_missing_permission_names_the_call(self, service: Textract, jobs: TextractJobs) -> None:
        service.denied = {"StartDocumentTextDetection"}
        with pytest.raises(Misconfigured, match="StartDocumentTextDetection") as fault:
            jobs.submit(PLACE, TOKEN)
        assert fault.value.code == "no_permission"

    def test_no_region_is_a_wrong_setting(self, service: Textract, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
        with pytest.raises(Misconfigured, match="AWS_REGION"):
            TextractJobs((), replace(service.access(), region=""))

    def test_an_outage_never_looks_like_an_empty_page(self, service: Textract) -> None:
        away = replace(service.access(), endpoint_url="http://127.0.0.1:9")
        for use in (lambda: TextractOcr((), away).recognize(picture()), lambda: TextractJobs((), away).probe("matter")):
            with pytest.raises(ServiceUnavailable, match="does not answer"):
                use()


def test_the_stand_in_refuses_a_token_that_was_used_otherwise(service: Textract) -> None:
    caller = textract_client(service.access())
    here: DocumentLocationTypeDef = {"S3Object": {"Bucket": PLACE.bucket, "Name": PLACE.key}}
    caller.start_document_text_detection(DocumentLocation=here, ClientRequestToken="one")
    with pytest.raises(caller.exceptions.IdempotentParameterMismatchException):
        caller.start_document_text_detection(DocumentLocation=here, ClientRequestToken="one", JobTag="other")
    assert json.dumps(list(service.tokens)) == '["one"]'
