import { test } from 'node:test'
import { missing } from './installed.ts'
import { judges, withSubject } from './judges.ts'

for (const name of ['nasty', 'marketplace'] as const)
  test(`the documents and doors of the ${name} system, judged by others`, async (t) => {
    const able = judges.filter(({ needs }) => missing(needs) === false)
    for (const { name: judge, needs } of judges) {
      const why = missing(needs)
      if (why !== false) await t.test(`${judge}: ${name}`, { skip: why }, () => {})
    }
    if (able.length === 0) return
    await withSubject(name, async (subject) => {
      for (const { name: judge, judge: ask } of able)
        await t.test(`${judge}: ${name}`, async (each) => each.diagnostic(await ask(subject)))
    })
  })
