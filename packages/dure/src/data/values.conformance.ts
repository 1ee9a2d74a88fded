import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SqlValue, SqlStore } from './database.ts'
import { inWorld, type World } from './world.conformance.ts'

/** Every kind of value that JavaScript has, and the ones at which engines part, under a name each. */
const VALUES: Readonly<Record<string, unknown>> = {
  empty: '',
  word: "it's \u{1f600} 한글",
  blank: ' a ',
  long: 'x'.repeat(100_000),
  zeroCharacter: 'a\0b',
  loneHigh: 'a\ud800',
  loneLow: '\udc00a',
  digits: '5',
  padded: '05',
  signed: '-7',
  pointZero: '5.0',
  decimal: '0.1',
  manyDigits: '12345678901234567.89',
  hugeDigits: '9'.repeat(40),
  exponent: '1e3',
  hex: '0x1F',
  notANumber: 'NaN',
  truth: 'true',
  day: '2024-02-29',
  noDay: '2023-02-29',
  looseDay: '20240229',
  moment: '2024-02-29T12:30:00.500Z',
  offset: '2024-02-29T12:30:00+09:00',
  spaced: '2024-02-29 12:30:00',
  micro: '2024-02-29T12:30:00.123456Z',
  infinite: 'infinity',
  clock: '12:30:00',
  uuid: '0197A5B0-0000-7000-8000-00000000000A',
  object: '{"b": 1, "aa": [true, null], "a": "x"}',
  largeInJson: '{"n":12345678901234567890}',
  halfJson: '{"a":',
  zero: 0,
  minusZero: -0,
  one: 1,
  five: 5,
  minus: -1,
  half: 0.5,
  tenth: 0.1,
  third: 1 / 3,
  sum: 0.1 + 0.2,
  price: 1234.56,
  tooFine: 1.005,
  int16: 2 ** 15,
  int31: 2 ** 31 - 1,
  int32: 2 ** 31,
  time: 1_700_000_000_000,
  safe: 2 ** 53 - 1,
  unsafe: 2 ** 53,
  int64: 2 ** 63,
  large: 1e21,
  largest: Number.MAX_VALUE,
  tiny: 5e-324,
  nan: Number.NaN,
  infinity: Number.POSITIVE_INFINITY,
  minusInfinity: Number.NEGATIVE_INFINITY,
  bigFive: 5n,
  bigUnsafe: 2n ** 53n + 1n,
  bigMost: 2n ** 63n - 1n,
  bigLeast: -(2n ** 63n),
  bigBeyond: 2n ** 63n,
  yes: true,
  no: false,
  bytes: new Uint8Array([0, 1, 255]),
  buffer: Buffer.from('abc'),
  noBytes: new Uint8Array(),
  words: new Uint16Array([1]),
  view: new DataView(new ArrayBuffer(1)),
  nothing: null,
  undefined,
  date: new Date(0),
  plain: { a: 1 },
  array: [1],
  map: new Map(),
  set: new Set(),
  symbol: Symbol('s'),
  function: () => 1,
  bare: Object.create(null),
  proxy: new Proxy({}, {}),
}

const same = (...names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(names.map((name) => [name, VALUES[name]]))

const TEXTS = same(
  ...[
    'empty',
    'word',
    'blank',
    'digits',
    'padded',
    'signed',
    'pointZero',
    'decimal',
    'manyDigits',
    'hugeDigits',
    'exponent',
    'hex',
  ],
  ...['notANumber', 'truth', 'day', 'noDay', 'looseDay', 'moment', 'offset', 'spaced', 'micro', 'infinite', 'clock', 'uuid'],
  ...['object', 'largeInJson', 'halfJson'],
)
const written = (...names: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(names.map((name) => [name, String(Number(VALUES[name]))]))
const NUMBERS_AS_TEXT = {
  ...written(
    'zero',
    'minusZero',
    'one',
    'five',
    'minus',
    'half',
    'tenth',
    'third',
    'sum',
    'price',
    'tooFine',
    'int16',
    'int31',
    'int32',
  ),
  ...written('time', 'safe', 'unsafe', 'int64', 'large', 'largest', 'tiny', 'bigFive', 'yes', 'no'),
  bigUnsafe: '9007199254740993',
  bigMost: '9223372036854775807',
  bigLeast: '-9223372036854775808',
}
const INTEGERS = {
  zero: 0,
  minusZero: 0,
  one: 1,
  five: 5,
  minus: -1,
  digits: 5,
  padded: 5,
  signed: -7,
  bigFive: 5,
  yes: 1,
  no: 0,
}
const INTEGERS_32 = { ...INTEGERS, ...same('int16', 'int31'), looseDay: 20240229 }
const INTEGERS_64 = {
  ...INTEGERS_32,
  ...same('int32', 'time', 'safe', 'bigUnsafe', 'bigMost', 'bigLeast'),
  unsafe: 2n ** 53n,
}
const FRACTIONS = { pointZero: 5, decimal: 0.1, ...same('half', 'tenth', 'price') }
const EXACT = { ...FRACTIONS, ...same('third', 'sum', 'tooFine', 'tiny') }
const BYTES = { bytes: VALUES['bytes'], buffer: new Uint8Array([97, 98, 99]), noBytes: VALUES['noBytes'] }
const MOMENTS = {
  moment: '2024-02-29T12:30:00.500Z',
  offset: '2024-02-29T03:30:00.000Z',
  spaced: '2024-02-29T12:30:00.000Z',
}
/** What each column keeps, and how it comes back. All else is refused. */
const KEPT: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  TEXT: { ...TEXTS, ...NUMBERS_AS_TEXT, ...same('long') },
  'VARCHAR(4)': {
    ...same('empty', 'blank', 'digits', 'padded', 'signed', 'pointZero', 'decimal', 'exponent', 'hex', 'notANumber', 'truth'),
    ...written('zero', 'minusZero', 'one', 'five', 'minus', 'half', 'tenth', 'bigFive', 'yes', 'no'),
  },
  'CHAR(5)': {
    ...same('empty', 'digits', 'padded', 'signed', 'pointZero', 'decimal', 'exponent', 'hex', 'notANumber', 'truth', 'halfJson'),
    blank: ' a',
    large: '1e+21',
    ...written('zero', 'minusZero', 'one', 'five', 'minus', 'half', 'tenth', 'tooFine', 'int16', 'bigFive', 'yes', 'no'),
  },
  SMALLINT: INTEGERS,
  INTEGER: INTEGERS_32,
  BIGINT: INTEGERS_64,
  REAL: { ...INTEGERS, ...FRACTIONS, ...same('tooFine', 'int16', 'time', 'large') },
  'DOUBLE PRECISION': { ...INTEGERS_32, ...EXACT, ...same('int32', 'time', 'safe', 'unsafe', 'int64', 'large', 'largest') },
  NUMERIC: { ...INTEGERS_64, ...EXACT },
  'NUMERIC(10, 2)': { ...INTEGERS, ...FRACTIONS, int16: 32768, looseDay: 20240229 },
  BOOLEAN: { zero: 0, minusZero: 0, one: 1, yes: 1, no: 0 },
  BYTEA: BYTES,
  DATE: same('day'),
  TIME: same('clock'),
  TIMESTAMP: MOMENTS,
  'TIMESTAMP WITH TIME ZONE': MOMENTS,
  UUID: { uuid: '0197a5b0-0000-7000-8000-00000000000a' },
  JSON: same('digits', 'signed', 'decimal', 'truth', 'looseDay', 'object', 'largeInJson'),
  JSONB: {
    ...same('digits', 'signed', 'decimal', 'truth', 'looseDay'),
    pointZero: '5',
    exponent: '1000',
    object: '{"a":"x","b":1,"aa":[true,null]}',
  },
}

export function valueConformance(module: URL): void {
  const check = (what: string, run: (world: World) => Promise<void>): void => void test(what, () => inWorld(module, run))

  for (const [type, kept] of Object.entries(KEPT)) {
    check(`every value in a column of ${type} is kept the same by every engine, or refused in words`, async ({ open }) => {
      const store = await open('kept', { '1': `CREATE TABLE kept (id INTEGER PRIMARY KEY, v ${type})` })
      for (const [name, value] of Object.entries(VALUES)) {
        if (name === 'nothing' || name in kept)
          await keeps(store, value, name === 'nothing' ? null : kept[name], `${type}: ${name}`)
        else await refuses(store, value, `${type}: ${name}`)
      }
    })
  }

  check('a whole number beyond 2^53 makes no other row unreadable, by whatever way it is read', async ({ open }) => {
    const store = await open('wide', {
      '1': `CREATE TABLE wide (id INTEGER PRIMARY KEY, n BIGINT);
        INSERT INTO wide (id, n) VALUES (1, 5), (2, 9223372036854775807), (3, NULL), (4, -9007199254740993)`,
    })
    const rows = [
      { id: 1, n: 5 },
      { id: 2, n: 2n ** 63n - 1n },
      { id: 3, n: null },
      { id: 4, n: -(2n ** 53n) - 1n },
    ]
    assert.deepEqual(await store.select('SELECT id, n FROM wide ORDER BY id'), rows)
    assert.deepEqual(await store.select('SELECT id, n FROM wide ORDER BY id LIMIT ?', [1]), rows.slice(0, 1))
    assert.deepEqual(await store.snapshot((read) => read.selectFrom('wide').selectAll().orderBy('id').execute()), rows)
    const streamed: unknown[] = []
    for await (const row of store.read.selectFrom('wide').selectAll().orderBy('id').stream(2)) streamed.push(row)
    assert.deepEqual(streamed, rows)
    await store.transaction(async (tx) => {
      assert.deepEqual(await tx.all('SELECT id, n FROM wide ORDER BY id'), rows)
      const changed = await tx.kysely.updateTable('wide').set({ id: 12 }).where('id', '=', 2).returningAll().execute()
      assert.deepEqual(changed, [{ ...rows[1], id: 12 }])
      const added = await tx.all('INSERT INTO wide (id, n) VALUES (?, ?), (?, ?) RETURNING *', [5, null, 6, 2n ** 53n])
      assert.deepEqual(
        added.toSorted((a, b) => Number(a['id']) - Number(b['id'])),
        [
          { id: 5, n: null },
          { id: 6, n: 2n ** 53n },
        ],
      )
    })
    assert.equal((await store.select('SELECT id FROM wide')).length, 6)
  })

  check('what SQL works out is of one type, and a parameter is held against the column that it meets', async ({ open }) => {
    const store = await open('sums', {
      '1': `CREATE TABLE sums (id INTEGER PRIMARY KEY, t TEXT, n INTEGER, d DOUBLE PRECISION, p NUMERIC(8, 2), f BOOLEAN, at TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
        INSERT INTO sums (id, t, n, d, p, f) VALUES (1, 'a', 1, 0.5, 0.25, TRUE), (2, 'b', 2, 1.5, 33.25, FALSE), (3, '5', 7, NULL, NULL, NULL)`,
    })
    const asked: readonly (readonly [sql: string, parameters: readonly SqlValue[], answer: unknown])[] = [
      ['SELECT count(*) AS c, sum(n) AS s, min(n) AS a, max(n) AS b FROM sums', [], [{ c: 3, s: 10, a: 1, b: 7 }]],
      ['SELECT avg(n) AS a, sum(d) AS d, sum(p) AS p, avg(p) AS ap FROM sums', [], [{ a: 10 / 3, d: 2, p: 33.5, ap: 16.75 }]],
      ['SELECT coalesce(sum(n), 0) AS s, avg(n) AS a FROM sums WHERE id > ?', [9], [{ s: 0, a: null }]],
      ['SELECT n / ? AS a, n * ? AS b, n / 2 AS c FROM sums WHERE id = ?', [2, 3, 3], [{ a: 3, b: 21, c: 3 }]],
      ['SELECT n > 1 AS a, f, NOT f AS b FROM sums WHERE id = 2', [], [{ a: 1, f: 0, b: 1 }]],
      ['SELECT t || ? AS x FROM sums WHERE id = 1', [5], [{ x: 'a5' }]],
      ['SELECT id FROM sums WHERE t = ?', [5], [{ id: 3 }]],
      ['SELECT id FROM sums WHERE t IN (?, ?) AND n BETWEEN ? AND ? ORDER BY id', ['a', 5, 0, 9], [{ id: 1 }, { id: 3 }]],
      ['SELECT id FROM sums WHERE f = ?', [true as unknown as number], [{ id: 1 }]],
      ['SELECT id FROM sums ORDER BY id LIMIT ? OFFSET ?', [1, 1], [{ id: 2 }]],
      ['SELECT count(*) AS total FROM sums HAVING count(*) > ?', [1], [{ total: 3 }]],
      ['UPDATE sums SET n = n + ? WHERE id = ? RETURNING n', [5, 1], [{ n: 6 }]],
      ['INSERT INTO sums (id, t) VALUES (?, upper(?)) RETURNING t', [20, 'x'], [{ t: 'X' }]],
      [
        'INSERT INTO sums (id, t) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET t = excluded.t RETURNING t',
        [20, 0.1 + 0.2],
        [{ t: '0.30000000000000004' }],
      ],
    ]
    for (const [sql, parameters, answer] of asked)
      assert.deepEqual(await store.transaction((tx) => tx.all(sql, parameters)), answer, sql)
    const refused: readonly (readonly [sql: string, parameters: readonly SqlValue[]])[] = [
      ['SELECT id FROM sums WHERE n = ?', [1.5]],
      ['SELECT id FROM sums WHERE n IN (?, ?)', [1, 'x']],
      ['SELECT id FROM sums WHERE n NOT IN (?)', ['x']],
      ['SELECT id FROM sums AS s WHERE s.n BETWEEN ? AND ?', [0, 'z']],
      ['UPDATE sums SET n = n + ?', [0.5]],
      ['UPDATE sums SET t = ?, n = ? WHERE id = ?', ['a', 0.5, 1]],
      ['DELETE FROM sums WHERE "sums"."n" < ?', ['many']],
      ['INSERT INTO sums (id, n) VALUES (?, ?), (?, ?)', [30, 1, 31, 0.5]],
      ['INSERT INTO sums (id, n) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = ?', [0.5]],
    ]
    for (const [sql, parameters] of refused) {
      const found = { code: 'INVALID_ARGUMENT', message: /the column "n" holds a whole number/ }
      await store.transaction((tx) => assert.rejects(tx.run(sql, parameters), found, sql))
    }
    const [row] = await store.select('SELECT at FROM sums WHERE id = 1')
    assert.match(String(row!['at']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z$/)
  })
}

/** Puts a value in by every way, and takes it out by every way. */
async function keeps(store: SqlStore, value: unknown, expected: unknown, what: string): Promise<void> {
  await store.transaction(async (tx) => {
    await tx.kysely.deleteFrom('kept').execute()
    const rows = [await tx.kysely.insertInto('kept').values({ id: 1, v: value }).returning('v').executeTakeFirst()]
    await tx.run('INSERT INTO kept (id, v) VALUES (?, ?), (3, NULL)', [2, value as SqlValue])
    rows.push(await tx.kysely.updateTable('kept').set({ v: value }).where('id', '=', 3).returning('v').executeTakeFirst())
    rows.push(...(await tx.all('SELECT v FROM kept')).map(({ v }) => ({ v })))
    const comparable = value !== null && !what.startsWith('JSON:')
    if (comparable) rows.push(...(await tx.all('SELECT v FROM kept WHERE v = ?', [value as SqlValue])).map(({ v }) => ({ v })))
    assert.deepEqual(
      rows,
      Array.from({ length: comparable ? 8 : 5 }, () => ({ v: expected })),
      what,
    )
  })
  const wanted = [1, 2, 3].map((id) => ({ id, v: expected }))
  assert.deepEqual(await store.select('SELECT id, v FROM kept ORDER BY id'), wanted, what)
  assert.deepEqual(await store.read.selectFrom('kept').selectAll().orderBy('id').execute(), wanted, what)
  assert.deepEqual(await store.snapshot((read) => read.selectFrom('kept').selectAll().orderBy('id').execute()), wanted, what)
  const streamed: unknown[] = []
  for await (const row of store.read.selectFrom('kept').selectAll().orderBy('id').stream()) streamed.push(row)
  assert.deepEqual(streamed, wanted, what)
}

async function refuses(store: SqlStore, value: unknown, what: string): Promise<void> {
  const refused = { name: 'CallError', code: 'INVALID_ARGUMENT', message: /parameter \d is .*(column|hold)/s }
  await store.transaction(async (tx) => {
    await tx.run('DELETE FROM kept')
    // Kysely itself leaves out what is undefined, and calls functions.
    if (value !== undefined && typeof value !== 'function')
      await assert.rejects(tx.kysely.insertInto('kept').values({ id: 1, v: value }).execute(), refused, what)
    await assert.rejects(tx.run('INSERT INTO kept VALUES (?, ?)', [1, value as SqlValue]), refused, what)
    await assert.rejects(tx.run('UPDATE kept SET v = ? WHERE id = 1', [value as SqlValue]), refused, what)
    // What is refused has done no harm.
    await tx.run('INSERT INTO kept (id, v) VALUES (1, NULL)')
  })
  assert.deepEqual(await store.select('SELECT id, v FROM kept'), [{ id: 1, v: null }], what)
}
