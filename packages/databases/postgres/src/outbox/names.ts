/**
 * What an outbox is called where it is not alone: notifications and messages in the log are for a whole database, advisory
 * locks as well, slots for a whole server. All of it is drawn from the table that the search path leads to, in SQL, so that
 * whoever publishes needs to know nothing.
 */
const TABLE = `'dure_outbox'::regclass::oid`

/** The channel of its notifications, and the prefix of its messages in the log. */
export const CHANNEL: string = `'dure_outbox_' || ${TABLE}`

/** The first of the two numbers of its advisory locks. */
export const LOCK: string = `(${TABLE}::bigint - 2147483648)::int`

/**
 * The second one, where it is not a bucket: each publisher shares it until its commit is to be seen. Who has too many
 * buckets takes it alone, and so does who switches between the table and the log.
 */
export const EVERYBODY = -1
/** Or the one relay that reads the log, or switches to it, has it. */
export const LEADER: number = -2

/** The name of its slot in the database with this oid. */
export const slotIn = (database: string): string => `'dure_outbox_' || ${database} || '_' || ${TABLE}`

/**
 * Whether messages go into the log: while there is a slot that keeps them. Slots are not rows, so no snapshot hides one or
 * shows one that is gone.
 */
export const IN_LOG: string =
  `EXISTS (SELECT FROM pg_get_replication_slots() AS slot WHERE slot_name = ${slotIn('datoid')} AND wal_status <> 'lost' ` +
  `AND (SELECT datname FROM pg_database WHERE pg_database.oid = datoid) = current_database())`
