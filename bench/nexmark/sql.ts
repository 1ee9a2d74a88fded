/**
 * Nexmark's queries as SQL over all events at once, in PostgreSQL's words: what a stream must have said when its last event is in.
 * The texts are those of Flink's and RisingWave's Nexmark; where their order by leaves a choice, `extra` takes it. Times are
 * milliseconds since 1970.
 */
export const queryNames = [
  ...['q0', 'q1', 'q2', 'q3', 'q4', 'q5', 'q6', 'q7', 'q8', 'q9', 'q10'],
  ...['q11', 'q12', 'q13', 'q14', 'q15', 'q16', 'q17', 'q18', 'q19', 'q20', 'q21', 'q22'],
] as const

export type QueryName = (typeof queryNames)[number]

/** `arrived` is the clock when the event came in, which is what q12 counts by. */
export const TABLES = `
  CREATE UNLOGGED TABLE person (id bigint, name text, email_address text, credit_card text, city text, state text, date_time bigint, extra text);
  CREATE UNLOGGED TABLE auction (id bigint, item_name text, description text, initial_bid bigint, reserve bigint, date_time bigint,
    expires bigint, seller bigint, category bigint, extra text);
  CREATE UNLOGGED TABLE bid (auction bigint, bidder bigint, price bigint, channel text, url text, date_time bigint, extra text, arrived bigint);
`

/** Said when everything is in: nobody plans a join of unknown tables well. */
export const INDEXES = `
  CREATE INDEX ON auction (id); CREATE INDEX ON person (id); CREATE INDEX ON bid (auction, date_time); ANALYZE;
`

const at = (format: string): string => `to_char(to_timestamp(date_time / 1000) AT TIME ZONE 'UTC', '${format}')`
const DAY = at('YYYY-MM-DD')
const RANKS = [
  '',
  ' FILTER (WHERE price < 10000)',
  ' FILTER (WHERE price >= 10000 AND price < 1000000)',
  ' FILTER (WHERE price >= 1000000)',
]
const ranked = (what: string): string => RANKS.map((rank) => `count(${what})${rank}`).join(', ')
const BY_RANK = ['*', 'DISTINCT bidder', 'DISTINCT auction'].map(ranked).join(', ')
/** How many bids an auction had in each ten seconds, counted anew every two. */
const HOPPED = `SELECT auction, count(*) AS num, start FROM bid,
  generate_series(date_time - date_time % 2000 - 8000, date_time - date_time % 2000, 2000) AS start GROUP BY auction, start`
const VALID_BIDS = `FROM auction a JOIN bid b ON a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.expires`
const CHANNEL_ID = `(regexp_match(url, '(&|^)channel_id=([^&]*)'))[2]`

export const sql: Readonly<Record<QueryName, string>> = {
  q0: `SELECT auction, bidder, price, date_time FROM bid`,
  q1: `SELECT auction, bidder, 0.908 * price, date_time FROM bid`,
  q2: `SELECT auction, price FROM bid WHERE auction IN (1007, 1020, 2001, 2019, 2087)`,
  q3: `SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id
    WHERE a.category = 10 AND p.state IN ('or', 'id', 'ca')`,
  q4: `SELECT category, avg(final) FROM (SELECT max(b.price) AS final, a.category ${VALID_BIDS} GROUP BY a.id, a.category) q GROUP BY category`,
  q5: `WITH counted AS (${HOPPED})
    SELECT auction, num, start FROM counted JOIN (SELECT start, max(num) AS most FROM counted GROUP BY start) m USING (start) WHERE num >= most`,
  // RisingWave's: each auction's lowest bid, and for each the average with up to ten of its seller before it.
  q6: `SELECT seller, avg(final) OVER (PARTITION BY seller ORDER BY date_time, id ROWS BETWEEN 10 PRECEDING AND CURRENT ROW)
    FROM (SELECT a.id, a.seller, b.price AS final, b.date_time,
      row_number() OVER (PARTITION BY a.id ORDER BY b.price, b.date_time, b.extra) AS rank ${VALID_BIDS}) q WHERE rank = 1`,
  q7: `SELECT b.auction, b.price, b.bidder, b.date_time FROM bid b
    JOIN (SELECT max(price) AS most, date_time - date_time % 10000 + 10000 AS ends FROM bid GROUP BY ends) m
    ON b.price = m.most AND b.date_time BETWEEN m.ends - 10000 AND m.ends`,
  q8: `SELECT p.id, p.name, p.start FROM (SELECT DISTINCT id, name, date_time - date_time % 10000 AS start FROM person) p
    JOIN (SELECT DISTINCT seller, date_time - date_time % 10000 AS start FROM auction) a ON p.id = a.seller AND p.start = a.start`,
  q9: `SELECT id, item_name, description, initial_bid, reserve, date_time, expires, seller, category, auction, bidder, price, bid_time
    FROM (SELECT a.*, b.auction, b.bidder, b.price, b.date_time AS bid_time,
      row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.date_time, b.extra) AS rank ${VALID_BIDS}) q WHERE rank = 1`,
  q10: `SELECT auction, bidder, price, date_time, ${DAY}, ${at('HH24:MI')} FROM bid`,
  // A gap of just ten seconds does not end a session, as in Flink and Kafka Streams.
  q11: `SELECT bidder, count(*), min(date_time), max(date_time) + 10000
    FROM (SELECT bidder, date_time, sum(starts) OVER (PARTITION BY bidder ORDER BY date_time) AS session
      FROM (SELECT bidder, date_time, (date_time - lag(date_time) OVER (PARTITION BY bidder ORDER BY date_time) > 10000)::int AS starts
        FROM bid) g) s
    GROUP BY bidder, coalesce(session, 0)`,
  q12: `SELECT bidder, count(*), arrived - arrived % 10000 AS start, arrived - arrived % 10000 + 10000 FROM bid GROUP BY bidder, start`,
  q13: `SELECT auction, bidder, price, date_time, side.value FROM bid
    JOIN (SELECT key, key::text AS value FROM generate_series(0, 9999) AS key) side ON auction % 10000 = side.key`,
  q14: `SELECT auction, bidder, 0.908 * price,
      CASE WHEN hour BETWEEN 8 AND 18 THEN 'dayTime' WHEN hour <= 6 OR hour >= 20 THEN 'nightTime' ELSE 'otherTime' END,
      date_time, length(extra) - length(replace(extra, 'c', ''))
    FROM (SELECT *, date_time / 3600000 % 24 AS hour FROM bid) b WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000`,
  q15: `SELECT ${DAY} AS day, ${BY_RANK} FROM bid GROUP BY day`,
  q16: `SELECT channel, ${DAY} AS day, max(${at('HH24:MI')}), ${BY_RANK} FROM bid GROUP BY channel, day`,
  q17: `SELECT auction, ${DAY} AS day, ${ranked('*')}, min(price), max(price), avg(price), sum(price) FROM bid GROUP BY auction, day`,
  q18: `SELECT auction, bidder, price, channel, url, date_time, extra FROM (SELECT *,
      row_number() OVER (PARTITION BY bidder, auction ORDER BY date_time DESC, extra) AS rank FROM bid) q WHERE rank = 1`,
  q19: `SELECT auction, bidder, price, channel, url, date_time, extra, rank FROM (SELECT *,
      row_number() OVER (PARTITION BY auction ORDER BY price DESC, date_time, extra) AS rank FROM bid) q WHERE rank <= 10`,
  q20: `SELECT b.auction, b.bidder, b.price, b.channel, b.url, b.date_time, b.extra, a.item_name, a.description, a.initial_bid, a.reserve,
      a.date_time, a.expires, a.seller, a.category, a.extra FROM bid b JOIN auction a ON b.auction = a.id WHERE a.category = 10`,
  q21: `SELECT * FROM (SELECT auction, bidder, price, channel, CASE lower(channel)
      WHEN 'apple' THEN '0' WHEN 'google' THEN '1' WHEN 'facebook' THEN '2' WHEN 'baidu' THEN '3' ELSE ${CHANNEL_ID} END AS channel_id
    FROM bid) q WHERE channel_id IS NOT NULL`,
  q22: `SELECT auction, bidder, price, channel, split_part(url, '/', 4), split_part(url, '/', 5), split_part(url, '/', 6) FROM bid`,
}
