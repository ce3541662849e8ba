"""`/voicebot doctor` and `/voicebot test`: `checks` gathers what there is to see, `doctor` judges it."""
