import assert from 'node:assert/strict'
import { test } from 'node:test'
import { choiceFlag, describeFlags, FlagError, numberFlag, readFlags, switchFlag, textFlag } from './flags.ts'

const flags = {
  seconds: numberFlag({ help: 'How long', fallback: 60, least: 1 }),
  url: textFlag('U', 'Where', 'http://localhost:1'),
  json: textFlag('FILE', 'Write the figures here'),
  sellers: choiceFlag(['uniform', 'zipf'], 'Skew', 'uniform'),
  'unique-seller': switchFlag('No two items of one seller'),
}

test('flags are read, typed, and have their defaults', () => {
  const values = readFlags(flags, ['--seconds', '5', '--sellers=zipf', '--unique-seller'])
  assert.deepEqual(values, { seconds: 5, url: 'http://localhost:1', json: undefined, sellers: 'zipf', 'unique-seller': true })
})

test('help asks for nothing else', () => {
  assert.equal(readFlags(flags, ['--help']), undefined)
  assert.match(describeFlags(flags), /--seconds N +How long \(default 60\)/)
})

test('what cannot be meant is refused by name', () => {
  const refused = (words: string[], message: RegExp): void =>
    assert.throws(
      () => readFlags(flags, words),
      (error: unknown) => error instanceof FlagError && message.test(error.message),
    )
  refused(['--seconds', 'x'], /--seconds "x": it must be a whole number of at least 1/)
  refused(['--seconds', '0'], /at least 1/)
  refused(['--seconds', '1.5'], /whole/)
  refused(['--sellers', 'some'], /choose from uniform, zipf/)
  refused(['--nonsense'], /Unknown option '--nonsense'/)
  refused(['stray'], /Cannot read the command line/)
})
