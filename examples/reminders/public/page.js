// The page shows a user the reminders with their next instant in the user's zone, the latest outcomes, the credits.
const SESSION = 'session';
const EVERY_MS = 5_000;
const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

const element = (id) => document.getElementById(id);
let timer;

element('login').addEventListener('submit', async (event) => {
  event.preventDefault();
  const answer = await ask('POST', '/sessions', { code: element('code').value });
  if (answer === undefined) return;
  sessionStorage.setItem(SESSION, answer.session);
  element('code').value = '';
  await refresh();
});

element('logout').addEventListener('click', () => {
  clearTimeout(timer);
  // The page forgets the session also when the server cannot be reached, and then says so.
  void ask('DELETE', '/sessions');
  sessionStorage.removeItem(SESSION);
  element('reminders').replaceChildren();
  show();
});

show();
if (sessionStorage.getItem(SESSION) !== null) await refresh();

/** Shows what the server says, and again every few seconds while there is a session. */
async function refresh() {
  clearTimeout(timer);
  const session = sessionStorage.getItem(SESSION);
  const answer = await ask('GET', '/reminders');
  // A log-out, or another log-in, may have come while the server was asked.
  if (sessionStorage.getItem(SESSION) !== session) return show();
  if (answer !== undefined) {
    element('credits').textContent = creditsText(answer);
    element('stopped').textContent = answer.stopped ?? '';
    element('stopped').hidden = answer.stopped === undefined;
    element('reminders').replaceChildren(...answer.reminders.map(row));
  }
  show();
  if (sessionStorage.getItem(SESSION) !== null) timer = setTimeout(refresh, EVERY_MS);
}

function show() {
  const isLoggedIn = sessionStorage.getItem(SESSION) !== null;
  element('login').hidden = isLoggedIn;
  element('account').hidden = !isLoggedIn;
}

/** Returns the answer; `undefined`, with a message on the page, when there is none. */
async function ask(method, path, body) {
  const session = sessionStorage.getItem(SESSION);
  const headers = { authorization: `Bearer ${session}` };
  if (body !== undefined) headers['content-type'] = 'application/json';
  try {
    const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    const answer = response.status === 204 ? {} : await response.json();
    if (response.status === 401) {
      // The page has forgotten this session meanwhile.
      if (sessionStorage.getItem(SESSION) !== session) return undefined;
      sessionStorage.removeItem(SESSION);
    }
    element('message').textContent = response.ok ? '' : answer.error.message;
    return response.ok ? answer : undefined;
  } catch {
    element('message').textContent = 'The server does not answer.';
    return undefined;
  }
}

function creditsText({ credits, needsConsent }) {
  if (needsConsent) return 'No message may be sent: accept the prompt in the mini program.';
  return credits === 1 ? '1 message may be sent.' : `${credits} messages may be sent.`;
}

function row(reminder) {
  const line = document.createElement('tr');
  const next =
    reminder.state === 'active' ? `${reminder.nextLocal} ${reminder.zone}` : `ended: ${reminder.endedBecause}`;
  line.append(cell(reminder.detail), cell(whenText(reminder)), cell(next), cell(outcomes(reminder)));
  return line;
}

function whenText({ hour, minute, weekdays }) {
  const time = `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`;
  return weekdays.length === 7 ? `${time} every day` : `${time} ${weekdays.map((day) => WEEKDAYS[day - 1]).join(' ')}`;
}

function outcomes({ outcomes }) {
  const list = document.createElement('ol');
  list.append(
    ...outcomes.slice(0, 5).map(({ local, state, reason, errcode }) => {
      const item = document.createElement('li');
      const code = errcode ? ` (${errcode})` : '';
      item.textContent = `${local} ${state}${reason === '' ? '' : `: ${reason}`}${code}`;
      return item;
    }),
  );
  return list;
}

function cell(content) {
  const made = document.createElement('td');
  made.append(content);
  return made;
}
