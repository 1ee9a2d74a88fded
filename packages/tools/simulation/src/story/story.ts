/** Playing what happened once: an incident becomes a test. */
export { playing, playStory, type PlayOptions } from './play.ts'
