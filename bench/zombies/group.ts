import { setTimeout as sleep } from 'node:timers/promises'
import { partitionOf } from 'dure/messaging/internal'
import { insideOne } from './outbox.ts'
import { PARTITIONS } from './desk.ts'
import { freeze, thaw, until, withDesks, type Rig, type RoleOptions, type Seen } from './rig.ts'

/**
 * A member of a consumer group stands still, with keys parked. Whatever writes effects, parked messages and epochs is noted in the
 * same transaction; in order of commit, nobody may write of a partition after a later owner of it has.
 */
export function members(options: RoleOptions): Promise<Seen> {
  return withDesks(options, 'polling', async (rig) => {
    const { times, random, say, broken } = options
    await rig.ask(NOTES)
    if (broken) await rig.ask(ONE_EPOCH)
    const stop = rig.load(12)
    let [inside, takeover] = [0, 0]
    await until('papers are kept', async () => (await effects(rig)) > 50)
    for (let round = 0; round < times; round++) {
      await until('both have partitions', async () => (await owners(rig)) === 2)
      await sleep(random() * 300)
      const pid = rig.pids('archive')[round % 2]!
      freeze(pid)
      if (await insideOne(rig, 'archive')) inside++
      try {
        takeover = Math.max(takeover, await until('one has all partitions', async () => (await owners(rig)) === 1))
        const from = await effects(rig)
        await until('it goes on', async () => (await effects(rig)) > from + 40)
      } finally {
        thaw(pid)
      }
      say(`${round + 1}: ${await effects(rig)} effects`)
    }
    await until('both have partitions', async () => (await owners(rig)) === 2)
    await stop()
    await until(
      'all papers are kept',
      async () => {
        const [row] = await rig.ask(`
        SELECT (SELECT coalesce(sum(n), 0) FROM desk.counters) <= (SELECT count(*) FROM archive.effects) AND NOT EXISTS (SELECT FROM archive.dure_parked) AS done`)
        return row!['done'] === true
      },
      120_000,
    )
    return { past: judge(await rig.ask(WRITTEN)), inside, takeover }
  })
}

const NOTES = `
  CREATE SCHEMA notes;
  CREATE TABLE notes.written (
    id BIGINT GENERATED ALWAYS AS IDENTITY, what TEXT NOT NULL, partition BIGINT, key TEXT, n BIGINT, owner TEXT,
    session TEXT NOT NULL DEFAULT current_setting('application_name')
  );
  CREATE FUNCTION notes.write() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    DECLARE changed jsonb := CASE TG_OP WHEN 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
    BEGIN
      INSERT INTO notes.written (what, partition, key, n, owner) VALUES (
        TG_TABLE_NAME || ' ' || lower(TG_OP), (changed->>'partition')::bigint, changed->>'key', (changed->>'n')::bigint, changed->>'owner');
      RETURN NULL;
    END $$;
  CREATE TRIGGER note AFTER INSERT ON archive.effects FOR EACH ROW EXECUTE FUNCTION notes.write();
  CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON archive.dure_parked FOR EACH ROW EXECUTE FUNCTION notes.write();
  CREATE TRIGGER note AFTER INSERT OR UPDATE OF owner ON archive.dure_partitions FOR EACH ROW EXECUTE FUNCTION notes.write();`

/** What a store without fences would be: the epoch is the same for every owner, and nobody's transactions are known of. */
const ONE_EPOCH = `
  CREATE FUNCTION notes.one() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.epoch := OLD.epoch; RETURN NEW; END $$;
  CREATE TRIGGER one BEFORE UPDATE ON archive.dure_partitions FOR EACH ROW EXECUTE FUNCTION notes.one();`

const WRITTEN = `
  SELECT what, partition::int, key, n::int, owner, session FROM notes.written
  ORDER BY pg_xact_commit_timestamp(xmin), id`

const owners = async (rig: Rig): Promise<number> =>
  Number((await rig.ask('SELECT count(DISTINCT owner)::int AS n FROM archive.dure_partitions'))[0]!['n'])
const effects = async (rig: Rig): Promise<number> =>
  Number((await rig.ask('SELECT count(*)::int AS n FROM archive.effects'))[0]!['n'])

function judge(written: readonly Readonly<Record<string, unknown>>[]): readonly string[] {
  const past: string[] = []
  /** The last owner by the store, and whether it has begun to write. */
  const owner = new Map<number, { readonly id: string; begun: boolean }>()
  const newest = new Map<string, number>()
  for (const { what, partition, key, n, owner: id, session } of written) {
    if (String(what).startsWith('dure_partitions')) {
      owner.set(Number(partition), { id: String(id), begun: false })
      continue
    }
    const of = Number(partition ?? partitionOf(String(key), PARTITIONS))
    const now = owner.get(of)
    if (now !== undefined && String(session).includes(now.id)) now.begun = true
    else if (now?.begun === true) past.push(`partition ${of}: ${what} by ${session}, after ${now.id} had begun`)
    if (what !== 'effects insert') continue
    const last = newest.get(String(key)) ?? 0
    if (Number(n) !== last + 1) past.push(`${key}: ${n} after ${last}`)
    newest.set(String(key), Math.max(last, Number(n)))
  }
  return past
}
