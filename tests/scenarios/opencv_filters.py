"""Filters of OpenCV's transparent API, whose results are printed as digests. Knows nothing of Sluice. Canny is not among
them: about one in seven of its results differs from the others by a few pixels, on any device."""

import hashlib

import cv2
import numpy


def show(name, result):
    values = result.get() if isinstance(result, cv2.UMat) else result
    digest = hashlib.sha256(numpy.ascontiguousarray(values).tobytes()).hexdigest()
    print(name, values.shape, values.dtype, digest)


def main():
    print("uses OpenCL:", cv2.ocl.useOpenCL())
    random = numpy.random.default_rng(1)
    picture = cv2.UMat(random.integers(0, 255, (720, 1280, 3), dtype=numpy.uint8))
    matrix = cv2.UMat(random.random((512, 512), dtype=numpy.float32))
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    show("grey", grey)
    show("Gaussian blur", cv2.GaussianBlur(grey, (7, 7), 1.5))
    show("Laplacian", cv2.Laplacian(grey, cv2.CV_16S, ksize=3))
    show("resize", cv2.resize(picture, (640, 360), interpolation=cv2.INTER_LINEAR))
    show("median blur", cv2.medianBlur(grey, 5))
    show("threshold", cv2.threshold(grey, 100, 255, cv2.THRESH_BINARY)[1])
    show("dilate", cv2.dilate(grey, None, iterations=3))
    show("affine warp", cv2.warpAffine(picture, numpy.float32([[1, .1, 5], [.05, 1, 3]]), (1280, 720)))
    show("matrix product", cv2.gemm(matrix, matrix, 1.0, None, 0.0))
    show("Fourier transform", cv2.dft(matrix))
    show("histogram", cv2.calcHist([grey], [0], None, [256], [0, 256]))
    show("bilateral filter", cv2.bilateralFilter(grey, 5, 50, 50))


main()
