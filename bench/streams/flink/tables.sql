CREATE TEMPORARY TABLE events (
  kind STRING,
  person ROW<id BIGINT, name STRING, emailAddress STRING, creditCard STRING, city STRING, state STRING, dateTime BIGINT, extra STRING>,
  auction ROW<id BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve BIGINT, dateTime BIGINT, expires BIGINT,
    seller BIGINT, category BIGINT, extra STRING>,
  bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime BIGINT, extra STRING>,
  happened AS TO_TIMESTAMP_LTZ(COALESCE(bid.dateTime, auction.dateTime, person.dateTime), 3),
  WATERMARK FOR happened AS happened - INTERVAL '4' SECOND
) WITH ('connector' = 'filesystem', 'path' = '$FOLDER/events.json', 'format' = 'json');
CREATE TEMPORARY VIEW person AS SELECT person.id, person.name, person.city, person.state, happened AS date_time FROM events WHERE kind = 'person';
CREATE TEMPORARY VIEW auction AS SELECT auction.id, auction.itemName AS item_name, auction.description, auction.initialBid AS initial_bid,
  auction.reserve, happened AS date_time, TO_TIMESTAMP_LTZ(auction.expires, 3) AS expires, auction.seller, auction.category, auction.extra
  FROM events WHERE kind = 'auction';
CREATE TEMPORARY VIEW bid AS SELECT bid.auction, bid.bidder, bid.price, bid.channel, bid.url, happened AS date_time, bid.extra,
  PROCTIME() AS arrived FROM events WHERE kind = 'bid';
