import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostOfEnvironment, portOfEnvironment } from './environment.ts'

test('doors are of this machine alone unless the environment says otherwise; a port that is none is told', (t) => {
  const { DURE_HOST: host, PORT: port } = process.env
  t.after(() => {
    for (const [name, value] of Object.entries({ DURE_HOST: host, PORT: port }))
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
  })
  for (const name of ['DURE_HOST', 'PORT']) process.env[name] = ''
  assert.deepEqual([hostOfEnvironment(), portOfEnvironment('door')], ['127.0.0.1', undefined])
  process.env['DURE_HOST'] = '0.0.0.0'
  process.env['PORT'] = '0'
  assert.deepEqual([hostOfEnvironment(), portOfEnvironment('door')], ['0.0.0.0', 0])
  for (const wrong of ['65536', '-1', '1.5', 'http']) {
    process.env['PORT'] = wrong
    assert.throws(
      () => portOfEnvironment('REST door'),
      /Cannot open the REST door: the environment variable PORT is ".+"; give a number/,
    )
  }
})
