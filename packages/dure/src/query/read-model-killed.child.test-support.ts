/** A process that builds the second version of a model from a history, and says when it is half way: to be killed then. */
import { writeSync } from 'node:fs'
import { readingIn, shop, board, past, stockOne, stockTwo } from './read-model.test-support.ts'

const stuck = shop(async ({ position }) => {
  if (position < 400) return
  // Straight to the pipe: this process has no other end than being killed.
  writeSync(1, 'half\n')
  await new Promise(() => {})
})
await readingIn(process.argv[2]!, [stuck, board(stockTwo({ before: stockOne(), histories: [past] }))])
