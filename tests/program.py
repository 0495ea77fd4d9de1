"""Running programs from the tests that are scripts."""
import subprocess
import sys


def run(*command):
    """What a program prints. Ends the test with all that it said when it fails."""
    words = [str(part) for part in command]
    result = subprocess.run(words, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(words)}\nexits with {result.returncode}:\n{result.stdout}{result.stderr}")
    return result.stdout
