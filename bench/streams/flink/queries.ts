import type { QueryName } from '../../nexmark/sql.ts'

const DAY = `DATE_FORMAT(date_time, 'yyyy-MM-dd')`
const RANKS = [
  '',
  ' FILTER (WHERE price < 10000)',
  ' FILTER (WHERE price >= 10000 AND price < 1000000)',
  ' FILTER (WHERE price >= 1000000)',
]
const ranked = (what: string, name: string): string => RANKS.map((rank, at) => `count(${what})${rank} AS ${name}${at}`).join(', ')
const BY_RANK = [ranked('*', 'bids'), ranked('DISTINCT bidder', 'bidders'), ranked('DISTINCT auction', 'auctions')].join(', ')
const CHANNEL_ID = `REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2)`
const tumbled = (table: string, time = 'date_time'): string =>
  `TABLE(TUMBLE(TABLE ${table}, DESCRIPTOR(${time}), INTERVAL '10' SECOND))`
const HOPPED = `SELECT auction, count(*) AS num, window_start, window_end
  FROM TABLE(HOP(TABLE bid, DESCRIPTOR(date_time), INTERVAL '2' SECOND, INTERVAL '10' SECOND)) GROUP BY auction, window_start, window_end`
const VALID_BIDS = `FROM auction a, bid b WHERE a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.expires`

/** Nexmark's own texts for Flink. It has none for q6, which Flink does not run, and q13 joins a table that Flink looks up elsewhere. */
export const flinkQueries: Readonly<Partial<Record<QueryName, string>>> = {
  q0: `SELECT auction, bidder, price, date_time, extra FROM bid`,
  q1: `SELECT auction, bidder, 0.908 * price AS price, date_time, extra FROM bid`,
  q2: `SELECT auction, price FROM bid WHERE auction IN (1007, 1020, 2001, 2019, 2087)`,
  q3: `SELECT p.name, p.city, p.state, a.id FROM auction AS a INNER JOIN person AS p ON a.seller = p.id
    WHERE a.category = 10 AND (p.state = 'or' OR p.state = 'id' OR p.state = 'ca')`,
  q4: `SELECT category, avg(final) AS average FROM (SELECT max(b.price) AS final, a.category ${VALID_BIDS} GROUP BY a.id, a.category) GROUP BY category`,
  q5: `SELECT counted.auction, counted.num FROM (${HOPPED}) AS counted
    JOIN (SELECT max(num) AS most, window_start, window_end FROM (${HOPPED}) GROUP BY window_start, window_end) AS best
    ON counted.window_start = best.window_start AND counted.window_end = best.window_end AND counted.num >= best.most`,
  q7: `SELECT b.auction, b.price, b.bidder, b.date_time FROM bid b
    JOIN (SELECT max(price) AS most, window_end AS ends FROM ${tumbled('bid')} GROUP BY window_start, window_end) m
    ON b.price = m.most WHERE b.date_time BETWEEN m.ends - INTERVAL '10' SECOND AND m.ends`,
  q8: `SELECT p.id, p.name, p.window_start
    FROM (SELECT id, name, window_start, window_end FROM ${tumbled('person')} GROUP BY id, name, window_start, window_end) p
    JOIN (SELECT seller, window_start, window_end FROM ${tumbled('auction')} GROUP BY seller, window_start, window_end) a
    ON p.id = a.seller AND p.window_start = a.window_start AND p.window_end = a.window_end`,
  q9: `SELECT * FROM (SELECT a.*, b.auction, b.bidder, b.price, b.date_time AS bid_time,
      ROW_NUMBER() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.date_time ASC) AS place ${VALID_BIDS}) WHERE place <= 1`,
  q10: `SELECT auction, bidder, price, date_time, ${DAY} AS day_of, DATE_FORMAT(date_time, 'HH:mm') AS minute_of FROM bid`,
  q11: `SELECT bidder, count(*) AS bids, window_start, window_end
    FROM TABLE(SESSION(TABLE bid PARTITION BY bidder, DESCRIPTOR(date_time), INTERVAL '10' SECOND)) GROUP BY bidder, window_start, window_end`,
  q12: `SELECT bidder, count(*) AS bids, window_start, window_end FROM ${tumbled('bid', 'arrived')} GROUP BY bidder, window_start, window_end`,
  q14: `SELECT auction, bidder, 0.908 * price AS price,
      CASE WHEN HOUR(date_time) >= 8 AND HOUR(date_time) <= 18 THEN 'dayTime'
        WHEN HOUR(date_time) <= 6 OR HOUR(date_time) >= 20 THEN 'nightTime' ELSE 'otherTime' END AS bid_time,
      date_time, extra, count_char(extra, 'c') AS c_counts
    FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000`,
  q15: `SELECT ${DAY} AS day_of, ${BY_RANK} FROM bid GROUP BY ${DAY}`,
  q16: `SELECT channel, ${DAY} AS day_of, max(DATE_FORMAT(date_time, 'HH:mm')) AS minute_of, ${BY_RANK} FROM bid GROUP BY channel, ${DAY}`,
  q17: `SELECT auction, ${DAY} AS day_of, ${ranked('*', 'bids')}, min(price) AS least, max(price) AS most, avg(price) AS average,
      sum(price) AS total FROM bid GROUP BY auction, ${DAY}`,
  q18: `SELECT auction, bidder, price, channel, url, date_time, extra
    FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder, auction ORDER BY date_time DESC) AS place FROM bid) WHERE place <= 1`,
  q19: `SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS place FROM bid) WHERE place <= 10`,
  q20: `SELECT b.auction, b.bidder, b.price, b.channel, b.url, b.date_time, b.extra, a.item_name, a.description, a.initial_bid, a.reserve,
      a.date_time AS auction_time, a.expires, a.seller, a.category, a.extra AS auction_extra
    FROM bid AS b INNER JOIN auction AS a ON b.auction = a.id WHERE a.category = 10`,
  q21: `SELECT auction, bidder, price, channel, CASE WHEN lower(channel) = 'apple' THEN '0' WHEN lower(channel) = 'google' THEN '1'
      WHEN lower(channel) = 'facebook' THEN '2' WHEN lower(channel) = 'baidu' THEN '3' ELSE ${CHANNEL_ID} END AS channel_id
    FROM bid WHERE ${CHANNEL_ID} IS NOT NULL OR lower(channel) IN ('apple', 'google', 'facebook', 'baidu')`,
  q22: `SELECT auction, bidder, price, channel, SPLIT_INDEX(url, '/', 3) AS dir1, SPLIT_INDEX(url, '/', 4) AS dir2,
      SPLIT_INDEX(url, '/', 5) AS dir3 FROM bid`,
}
