import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { started, temporary } from './config-server.test-support.ts'
import { gitRepository } from './repositories/git.ts'
import { meaning, recorded, type Answer } from './spring-answers.test-support.ts'
import { DIFFERENCES, makeSpringRepository } from './spring-repository.test-support.ts'

const SPRING = JSON.parse(readFileSync(join(import.meta.dirname, 'spring-answers.json'), 'utf8')) as readonly Answer[]

test('what Spring Cloud Config answered to recorded requests, ours answers; what is different is what is said to be', async (t) => {
  const bare = temporary(t, 'settings.git')
  const { commit } = makeSpringRepository(bare)
  const { url, logged } = await started(t, { repository: gitRepository({ url: bare }) })
  const ours = await recorded(url, bare, commit)
  let alike = 0
  for (const answer of ours) {
    const name = `${answer.path} ${answer.accept}`
    const spring = SPRING.find(({ path, accept }) => `${path} ${accept}` === name)!
    const different = DIFFERENCES.find(({ path }) => path === answer.path)
    if (different === undefined) {
      assert.deepEqual(meaning(answer), meaning(spring), name)
      alike++
      continue
    }
    assert.deepEqual([spring.status, answer.status], [different.spring, different.ours], name)
    assert.notDeepEqual(meaning(answer), meaning(spring), `${name} is the same by now`)
  }
  assert.ok(alike > 90, String(alike))
  // Nothing of a value is in what is said of it.
  assert.ok(!logged().includes('{cipher}abc'))
})
