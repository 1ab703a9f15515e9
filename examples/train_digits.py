"""Train a small neural network on the handwritten digits that scikit-learn ships: something real to record."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import pycarbon

PASSES = 120

train, score = pycarbon.region("train"), pycarbon.region("score")


def main() -> None:
    """Train, and print how well the network reads digits it has not seen."""
    images, labels = load_digits(return_X_y=True)
    seen, unseen, seen_labels, unseen_labels = train_test_split(images / 16.0, labels, random_state=0)
    network = MLPClassifier(hidden_layer_sizes=(256, 128), random_state=0)
    for number in range(1, PASSES + 1):
        with train:
            network.partial_fit(seen, seen_labels, classes=np.unique(labels))
        if number % 40 == 0:
            with score:
                right = network.score(unseen, unseen_labels)
            print(f"pass {number:3}: {right:.1%} of {len(unseen)} unseen digits read correctly", flush=True)


if __name__ == "__main__":
    main()
