"""LeNet-5 as the paper of 1998 has it: layers, first weights, losses.

Source: the chapter "LeNet-5, 1998"; LeCun, Bottou, Bengio, Haffner,
Gradient-based learning applied to document recognition, Proc. IEEE 86(11),
1998, section II.B (the net), II.C (the losses) and appendix A (squashing
function and first weights).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..net import Reshape

# Which maps of S2 each of the 16 maps of C3 sees: the paper's table I
C3_TABLE = (
    *[(0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)],
    *[(0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5)],
    *[(0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)],
    *[(0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)],
    (0, 1, 2, 3, 4, 5),
)

# The ten 7x12 bitmaps with which the output layer compares F6. The paper's
# section II.B says that each is a stylised image of its character, drawn by
# hand on 7x12 pixels of -1 and +1, and shows them in its figure 3. These are
# drawn anew from that description: the pixels are ours, not the paper's.
DRAWN = """
 ..###..  ...##..  .#####.  .#####.  ....##.
 .##.##.  ..###..  ##...##  ##...##  ...###.
 ##...##  .####..  ##...##  ##...##  ..####.
 ##...##  ...##..  .....##  .....##  ..#.##.
 ##...##  ...##..  .....##  .....##  .##.##.
 ##...##  ...##..  ....##.  ..####.  .#..##.
 ##...##  ...##..  ...##..  ..####.  ##..##.
 ##...##  ...##..  ..##...  .....##  ##..##.
 ##...##  ...##..  .##....  .....##  #######
 ##...##  ...##..  ##.....  ##...##  #######
 .##.##.  ...##..  ##.....  ##...##  ....##.
 ..###..  .######  #######  .#####.  ....##.

 #######  ..####.  #######  .#####.  .#####.
 ##.....  .##..##  #######  ##...##  ##...##
 ##.....  ##.....  .....##  ##...##  ##...##
 ##.....  ##.....  .....##  ##...##  ##...##
 ######.  ##.....  ....##.  .##.##.  ##...##
 .#...##  ######.  ....##.  ..###..  ##..###
 .....##  ###..##  ...##..  .##.##.  .######
 .....##  ##...##  ...##..  ##...##  .....##
 .....##  ##...##  ..##...  ##...##  .....##
 ##...##  ##...##  ..##...  ##...##  .....##
 ##...##  ##...##  ..##...  ##...##  ##..##.
 .#####.  .#####.  ..##...  .#####.  .####..
"""

# Ten bitmaps, by digit, of 12 rows of 7 pixels: +1 drawn, -1 not
BITMAPS = [
    [[1 if pixel == "#" else -1 for pixel in row] for row in rows]
    for five in DRAWN.strip().split("\n\n")
    for rows in zip(*(line.split() for line in five.splitlines()))
]


class PaperInput(Reshape):
    """Turn images (N, 1, 28, 28) in [0, 1] into the paper's input, 32×32.

    The background's 0 becomes -0.1, and 1 becomes 1.175; two pixels of
    background are added on each side. Refuses what ``Reshape`` refuses.
    """

    def forward(self, X: Tensor) -> Tensor:
        X = super().forward(X)
        return F.pad(1.275 * X - 0.1, (2, 2, 2, 2), value=-0.1)


class ScaledTanh(nn.Module):
    """The paper's squashing function, 1.7159 tanh(2a/3).

    It maps 1 to 1 and -1 to -1, where its second derivative is largest.
    """

    def forward(self, a: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(2 / 3 * a)


class Subsampling(nn.Module):
    """Halve height and width: a trained coefficient and bias for each map.

    The four inputs of a 2×2 block are added, multiplied by the coefficient
    of their map, and its bias is added; the squashing function follows as a
    layer of its own. As made, it averages: coefficients 1/4, biases 0.
    """

    def __init__(self, maps: int):
        super().__init__()
        self.coefficient = nn.Parameter(torch.full((maps, 1, 1), 1 / 4))
        self.bias = nn.Parameter(torch.zeros(maps, 1, 1))

    def forward(self, X: Tensor) -> Tensor:
        return 4 * self.coefficient * F.avg_pool2d(X, 2) + self.bias


class PartialConv2d(nn.Module):
    """A convolution in which an output map sees only some input maps.

    ``table`` says for each output map which ones. There is a weight for each
    such link alone: ``weight`` has the shape (links, kernel_size,
    kernel_size), in the order of the table. As made, the weights and biases
    of a map are drawn as PyTorch draws those of a Conv2d with as many inputs.
    """

    outputs: Tensor
    inputs: Tensor

    def __init__(self, table: tuple[tuple[int, ...], ...], kernel_size: int):
        super().__init__()
        self.table = table
        self.kernel_size = kernel_size
        links = [(o, i) for o, seen in enumerate(table) for i in seen]
        outputs, inputs = torch.tensor(links).T
        self.register_buffer("outputs", outputs, persistent=False)
        self.register_buffer("inputs", inputs, persistent=False)
        size = len(links), kernel_size, kernel_size
        self.weight = nn.Parameter(torch.empty(size))
        self.bias = nn.Parameter(torch.empty(len(table)))
        self.draw(lambda fan_in: fan_in**-0.5)

    def draw(self, reach) -> None:
        """Draw a map's weights and bias uniformly from ±``reach(fan_in)``."""
        fan_in = self.kernel_size**2 * torch.bincount(self.outputs)
        ends = reach(fan_in)
        with torch.no_grad():
            self.weight.uniform_(-1, 1).mul_(ends[self.outputs, None, None])
            self.bias.uniform_(-1, 1).mul_(ends)

    def forward(self, X: Tensor) -> Tensor:
        full = X.new_zeros(
            len(self.table), X.shape[1], self.kernel_size, self.kernel_size
        )
        full = full.index_put((self.outputs, self.inputs), self.weight)
        return F.conv2d(X, full, self.bias)


class RBF(nn.Module):
    """The output layer: how far F6 is from the fixed bitmap of each class.

    It maps the states of F6, shape (N, 84), to minus the squared Euclidean
    distances, shape (N, 10). The paper's penalties are the distances
    themselves; with the sign turned the largest output is the answer, as
    with every other net here.
    """

    codes: Tensor

    def __init__(self):
        super().__init__()
        codes = torch.tensor(BITMAPS, dtype=torch.float32).flatten(1)
        self.register_buffer("codes", codes, persistent=False)

    def forward(self, X: Tensor) -> Tensor:
        return -(X[:, None] - self.codes).square().sum(dim=2)


def init_lenet5(layer: nn.Module) -> None:
    """Draw a layer's weights as the paper does: uniform, ±2.4 / fan-in.

    For ``net.apply``. The fan-in is the number of a unit's inputs, without
    its bias; the bias is drawn like a weight. Layers that have no weights
    are left alone.
    """
    if isinstance(layer, PartialConv2d):
        layer.draw(lambda fan_in: 2.4 / fan_in)
    elif isinstance(layer, (nn.Conv2d, nn.Linear, Subsampling)):
        fan_in = 4
        if not isinstance(layer, Subsampling):
            fan_in = layer.weight[0].numel()
        for parameter in layer.parameters():
            nn.init.uniform_(parameter, -2.4 / fan_in, 2.4 / fan_in)


def lenet5_1998() -> nn.Sequential:
    """Return LeNet-5: 60,000 trainable parameters, 340,908 connections.

    It maps a batch of images in [0, 1], shape (N, 1, 28, 28), to minus the
    penalties, shape (N, 10). The comments give the output for one image.
    """
    net = nn.Sequential(
        PaperInput(),  # 1 x 32 x 32
        nn.Conv2d(1, 6, kernel_size=5),  # C1: 6 x 28 x 28
        ScaledTanh(),
        Subsampling(6),  # S2: 6 x 14 x 14
        ScaledTanh(),
        PartialConv2d(C3_TABLE, kernel_size=5),  # C3: 16 x 10 x 10
        ScaledTanh(),
        Subsampling(16),  # S4: 16 x 5 x 5
        ScaledTanh(),
        nn.Conv2d(16, 120, kernel_size=5),  # C5: 120 x 1 x 1
        ScaledTanh(),
        nn.Flatten(),  # 120
        nn.Linear(120, 84),  # F6
        ScaledTanh(),
        RBF(),  # 10
    )
    return net.apply(init_lenet5)


def mean_square(outputs: Tensor, y: Tensor) -> Tensor:
    """Return the paper's first loss: the mean penalty of the right class.

    ``outputs`` (N, 10) are minus the penalties, ``y`` (N,) class numbers.
    Source: the paper's equation 8.
    """
    return F.nll_loss(outputs, y)


def discriminative_map(
    outputs: Tensor,
    y: Tensor,
    j: float,
) -> Tensor:
    """Return the paper's second loss, which pushes the wrong classes away.

    The penalty of the right class, plus log(exp(-j) + sum of exp(-penalty)):
    a cross entropy with an eleventh class, rubbish, whose penalty is ``j``
    always, so that a penalty well above ``j`` is pushed no further.
    ``outputs`` (N, 10) are minus the penalties, ``y`` (N,) class numbers.
    Source: the paper's equation 9; it gives no value of j.
    """
    return F.cross_entropy(F.pad(outputs, (0, 1), value=-j), y)
