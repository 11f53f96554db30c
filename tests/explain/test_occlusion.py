import pytest
import torch

from hilum.explain.occlusion import occlusion


class Window(torch.nn.Module):
    """Says how bright a window of the film is: one logit for it, one against it."""

    def __init__(self, rows, columns):
        super().__init__()
        self.rows, self.columns = rows, columns

    def forward(self, images):
        bright = images[:, 0, self.rows, self.columns].mean(dim=(1, 2))
        return torch.stack([bright, -bright, torch.full_like(bright, 0.7)], dim=1)


def film(size=64, top=40, left=8, side=8):
    image = torch.zeros(1, 1, size, size)
    image[..., top : top + side, left : left + side] = 1
    return image


def test_the_place_that_the_answer_rests_on_is_the_hottest():
    relevance = occlusion(Window(slice(40, 48), slice(8, 16)), film(), 0)[0]
    assert relevance.shape == (8, 8)
    assert divmod(int(relevance.argmax()), 8) == (5, 1)
    assert relevance[0, 7] == relevance[7, 7] == 0
    assert (relevance >= 0).all()


def test_what_speaks_against_a_finding_and_what_nothing_changes_have_no_heat():
    model = Window(slice(40, 48), slice(8, 16))
    assert (occlusion(model, film(), 1) == 0).all()
    assert (occlusion(model, film(), 2) == 0).all()


@pytest.mark.parametrize("size", [33, 64, 100])
def test_films_of_any_size_go_one_by_one_and_are_not_changed(size):
    images = torch.cat([film(size, size // 2, size // 8, size // 8), torch.zeros(1, 1, size, size)])
    before = images.clone()
    model = Window(slice(size // 2, size // 2 + size // 8), slice(size // 8, size // 4))
    together = occlusion(model, images, 0)
    assert torch.equal(images, before)
    assert torch.equal(together[:1], occlusion(model, images[:1], 0))
    assert together[0].max() > 0
    assert (together[1] == 0).all()
