import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { start, type Running } from 'dure/service'
import { temporary } from '../shell.test-support.ts'
import { shop } from '../shop.test-support.ts'
import { askListing } from './client.ts'
import { control } from './control.ts'
import { socketPath } from '@dure/operator/internal'

function run(directory: string): Promise<Running> {
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, with: () => log }
  return start({ ...shop, doors: [control()] }, { directory, log })
}

test('a socket that a killed process left behind is taken over', async () => {
  const directory = temporary()
  const path = socketPath(directory)
  const left = spawn(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`,
  ])
  await once(left.stdout, 'data')
  left.kill('SIGKILL')
  await once(left, 'exit')
  assert.ok(existsSync(path))
  const running = await run(directory)
  assert.equal((await askListing(directory)).system, 'shop')
  await running.stop()
  assert.equal(existsSync(path), false)
})

test('a socket that somebody answers on is left alone', async () => {
  const directory = temporary()
  const other = spawn(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(socketPath(directory))}, () => console.log('up'))`,
  ])
  await once(other.stdout, 'data')
  await assert.rejects(run(directory), /Cannot start on ".*": a system runs on it already/)
  other.kill('SIGKILL')
})

test('a data directory whose path is too long for a socket has its socket elsewhere', async () => {
  const directory = join(temporary(), 'x'.repeat(90), 'y'.repeat(90))
  mkdirSync(directory, { recursive: true })
  assert.ok(Buffer.byteLength(socketPath(directory)) <= 100)
  const running = await run(directory)
  assert.equal((await askListing(directory)).pid, process.pid)
  await running.stop()
})
