/** What Dure's own packages share of the console, and no promise to anybody else. */
export { curl, type Callable } from './snippets.ts'
