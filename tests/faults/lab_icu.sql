-- What needs ICU.
CREATE COLLATION lab.book (provider = icu, locale = 'de-u-co-phonebk');
CREATE TABLE lab.word (id integer PRIMARY KEY, word text COLLATE lab.book NOT NULL);
INSERT INTO lab.word SELECT n, (ARRAY['Äpfel', 'apfel', 'Zebra', 'öl', 'Öl', 'ol', 'zebra', 'Ähre'])[1 + n % 8] || n FROM generate_series(1, 400) AS n;
CREATE INDEX word_word ON lab.word (word);
ALTER TABLE lab.word OWNER TO master;
