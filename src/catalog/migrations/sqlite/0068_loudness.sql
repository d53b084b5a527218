-- Shots by loudness, in hundredths of a LUFS. What is silent is as quiet as the gate of EBU R 128, -70 LUFS.
CREATE INDEX sounds_by_loudness ON sounds (CAST(ROUND(COALESCE(loudness, -70) * 100) AS INTEGER));
