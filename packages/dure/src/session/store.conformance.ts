import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { NewSession, SessionStore } from './store.ts'

/** A store that several processes share: each `open` is one process's view of it. */
export type SessionStoreRig = {
  readonly open: () => Promise<SessionStore>
  readonly close: () => Promise<void>
}

const LONG = 3_600_000
/** A store may count in seconds. */
const SHORT = 2_000

/** Registers the cases that every SessionStore has to pass with `node:test`. */
export function sessionStoreConformance(
  name: string,
  makeRig: () => Promise<SessionStoreRig>,
  { skip = false }: { readonly skip?: boolean | string } = {},
): void {
  const store = (title: string, work: (here: SessionStore, there: SessionStore, rig: SessionStoreRig) => Promise<void>): void => {
    test(`${name}: ${title}`, { timeout: 60_000, skip }, async () => {
      const rig = await makeRig()
      try {
        await work(await rig.open(), await rig.open(), rig)
      } finally {
        await rig.close()
      }
    })
  }
  /** As digests are: of letters, digits, dashes and underscores. */
  const newId = (): string => randomUUID().replaceAll('-', '_')
  const session = (given: Partial<NewSession> = {}): NewSession => ({
    ...{ subject: 'ida', data: '{}', idle: LONG, absolute: LONG },
    ...given,
  })
  const begun = async (where: SessionStore, given: Partial<NewSession> = {}): Promise<string> => {
    const id = newId()
    await where.create(id, session(given))
    return id
  }
  const until = async (holds: () => Promise<boolean>): Promise<void> => {
    while (!(await holds())) await sleep(20)
  }

  store('what is begun here is read everywhere, as it was given', async (here, there) => {
    const texts = ['', '{}', '{"a":"서울\\r\\nEND\\r\\n"}', 'x'.repeat(100_000), '\u0000\r\n ']
    const subjects = [undefined, 'ida', 'a b\r\nc', '하나', 's'.repeat(1_000)]
    for (const [at, data] of texts.entries()) {
      const subject = subjects[at]
      const id = await begun(here, { data, subject })
      for (const where of [here, there]) assert.deepEqual(await where.read(id), { subject, data, version: 1 })
    }
    assert.equal(await there.read(newId()), undefined)
  })

  store('it is changed at the version that was read, and by one of two', async (here, there) => {
    const id = await begun(here)
    for (let version = 1; version <= 20; version++) {
      const data = ['one', 'other']
      const made = await Promise.all([here, there].map((where, at) => where.update(id, { version, data: data[at]! })))
      assert.deepEqual(made.toSorted(), ['conflict', 'done'])
      const winner = data[made.indexOf('done')]!
      assert.deepEqual(await there.read(id), { subject: 'ida', data: winner, version: version + 1 })
    }
    assert.equal(await here.update(id, { version: 1, data: 'old' }), 'conflict')
    assert.equal(await here.update(id, { version: 99, data: 'never' }), 'conflict')
  })

  store('one that has ended does not come back, whoever changes it at that moment', async (here, there) => {
    for (let round = 0; round < 50; round++) {
      const id = await begun(here)
      const made = await Promise.all([here.update(id, { version: 1, data: 'late' }), there.end(id)])
      assert.ok(made[0] === 'done' || made[0] === 'gone')
      assert.equal(await here.read(id), undefined)
      assert.equal(await here.update(id, { version: made[0] === 'done' ? 2 : 1, data: 'late' }), 'gone')
      assert.equal(await here.rotate(id, { version: 1, id: newId(), session: session() }), 'gone')
      await there.end(id)
      assert.equal(await there.read(id), undefined)
    }
  })

  store('another takes its place once, with what it is given', async (here, there) => {
    const id = await begun(here, { subject: undefined, data: 'before' })
    const next = [newId(), newId()]
    const made = await Promise.all(
      [here, there].map((where, at) => where.rotate(id, { version: 1, id: next[at]!, session: session({ data: 'after' }) })),
    )
    assert.ok(made.includes('done') && !made.every((one) => one === 'done'), made.join())
    assert.equal(await here.read(id), undefined)
    const [won, lost] = made[0] === 'done' ? next : next.toReversed()
    assert.deepEqual(await there.read(won!), { subject: 'ida', data: 'after', version: 1 })
    assert.equal(await there.read(lost!), undefined)
    assert.equal(await here.update(won!, { version: 1, data: 'more' }), 'done')
    assert.equal(await here.rotate(won!, { version: 1, id: newId(), session: session() }), 'conflict')
    assert.deepEqual(await there.read(won!), { subject: 'ida', data: 'more', version: 2 })
  })

  store('all of a subject end at once, those of others stay, and new ones may begin', async (here, there) => {
    const [one, another, other, nobody] = [
      await begun(here),
      await begun(there),
      await begun(here, { subject: 'ida ' }),
      await begun(here, { subject: undefined }),
    ]
    await there.endAll('ida')
    for (const id of [one, another]) {
      assert.equal(await here.read(id), undefined)
      assert.equal(await here.update(id, { version: 1, data: 'late' }), 'gone')
      assert.equal(await here.rotate(id, { version: 1, id: newId(), session: session() }), 'gone')
    }
    for (const id of [other, nobody]) assert.notEqual(await there.read(id), undefined)
    const later = await begun(here)
    assert.notEqual(await there.read(later), undefined)
    await here.endAll('never seen')
    for (let round = 0; round < 20; round++) {
      const old = await begun(here)
      const [racing] = await Promise.all([begun(here), there.endAll('ida')])
      assert.equal(await here.read(old), undefined)
      // Begun at that moment: one way or the other, and the same for all.
      const seen = [await here.read(racing), await there.read(racing)]
      assert.deepEqual(seen[0], seen[1])
    }
  })

  store('it ends when nobody reads it for so long, and lives on where somebody does', async (here, there) => {
    const [left, busy] = [await begun(here, { idle: SHORT }), await begun(here, { idle: SHORT })]
    const begunAt = performance.now()
    let longest = 0
    // Longer than both wait; a machine that stands still for as long has let it end.
    for (let last = begunAt; performance.now() - begunAt < SHORT * 2; last = performance.now()) {
      const found = await there.read(busy)
      longest = Math.max(longest, performance.now() - last)
      if (found === undefined) assert.ok(longest > SHORT / 2, `it ended after ${longest} ms without a reader`)
      await sleep(50)
    }
    await until(async () => (await there.read(left)) === undefined)
    assert.equal(await here.update(left, { version: 1, data: 'late' }), 'gone')
    await until(async () => {
      await sleep(SHORT + 1_100)
      return (await there.read(busy)) === undefined
    })
  })

  store('it ends at its time, however busy it is', async (here, there) => {
    const id = await begun(here, { idle: LONG, absolute: SHORT })
    let version = 1
    await until(async () => {
      const made = await there.update(id, { version, data: 'busy' })
      if (made === 'done') version++
      return made === 'gone' || (await here.read(id)) === undefined
    })
    assert.equal(await here.read(id), undefined)
  })

  store('whoever was stopped is refused, and the others go on', async (here, there, rig) => {
    const id = await begun(here)
    await here.stop()
    await here.stop()
    for (const call of [() => here.read(id), () => here.create(newId(), session()), () => here.end(id)])
      await assert.rejects(call, { code: 'FAILED_PRECONDITION' })
    assert.notEqual(await there.read(id), undefined)
    assert.notEqual(await (await rig.open()).read(id), undefined)
  })
}
