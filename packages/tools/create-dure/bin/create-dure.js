#!/usr/bin/env node
// Plain JavaScript that old versions of Node can read, so that they can say what to do instead of failing on syntax.
import { existsSync } from 'node:fs'
import process from 'node:process'

const major = Number(process.versions.node.split('.')[0])

if (major < 20) {
  process.stderr.write(
    `create-dure needs Node 20 or later; this is Node ${process.versions.node}. Install Node 26 from https://nodejs.org.\n`,
  )
  process.exitCode = 2
} else {
  const built = new URL('../dist/main.js', import.meta.url)
  const { main } = await import(existsSync(built) ? built.href : '../src/main.ts')
  process.exitCode = await main(process.argv.slice(2))
}
