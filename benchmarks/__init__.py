"""Speed as ratios: each figure stands beside a baseline that was measured in the same run on the same machine."""
