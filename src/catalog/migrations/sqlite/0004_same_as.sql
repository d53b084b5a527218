-- Ordinal of the first shot of the same run that shows nearly the same picture.

ALTER TABLE shots ADD COLUMN same_as INTEGER;
