/** Begins the console in the page. */
import { render } from 'preact'
import { open } from './api.ts'
import { App } from './app.tsx'
import { followLinks } from './where.ts'

followLinks()
render(<App />, document.body)
void open()
