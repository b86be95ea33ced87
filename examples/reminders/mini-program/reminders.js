// The mini program logs in, asks for consent, and makes and moves reminders with this file, which is to be copied into it. WeChat
// demands HTTPS, and that the domain of the service is registered as one for requests.

const ATTEMPTS = 3;
const PAUSE_MS = 500;

/** @param {string} origin - Where the service is, such as `https://reminders.example.com`. */
export function createReminders(origin) {
  let session;
  let template;

  /** Rejects with `{ status, code, message }`; the status is 0 when there was no answer. */
  const ask = (method, path, data) =>
    new Promise((resolve, reject) => {
      wx.request({
        url: origin + path,
        method,
        data,
        header: { authorization: `Bearer ${session}` },
        success: ({ statusCode: status, data: answer }) =>
          status < 300 ? resolve(answer) : reject({ status, code: 'unreadable', message: '', ...answer?.error }),
        fail: ({ errMsg }) => reject({ status: 0, code: 'no_answer', message: errMsg }),
      });
    });

  /** Sends again what may not have arrived: the nonce tells the service that it is the same request. */
  const askOnce = async (path, data) => {
    const body = { nonce: `${Date.now()}-${Math.random().toString(36).slice(2)}`, ...data };
    for (let attempt = 1; ; attempt++) {
      try {
        return await ask('POST', path, body);
      } catch (error) {
        if (attempt === ATTEMPTS || (error.status > 0 && error.status < 500)) throw error;
        await new Promise((resolve) => setTimeout(resolve, attempt * PAUSE_MS));
      }
    }
  };

  const list = async () => {
    const answer = await ask('GET', '/reminders');
    template = answer.template;
    return answer;
  };

  return {
    /** Starts a session; to be called again when a request is rejected with the code `unauthorized`. */
    async logIn() {
      const { code } = await wx.login();
      ({ session } = await ask('POST', '/sessions', { code }));
      await list();
    },

    /** Ends the session, also at the service. */
    async logOut() {
      await ask('DELETE', '/sessions');
      session = undefined;
    },

    /** Asks the user for one message more. WeChat shows the prompt only in a tap, and not after a request that was made in it. */
    async askConsent() {
      const answer = await wx.requestSubscribeMessage({ tmplIds: [template] });
      if (answer[template] !== 'accept') return false;
      await askOnce('/consents');
      return true;
    },

    list,
    create: (type, choice) => askOnce(`/create/${type}`, choice),
    /** With PUT: `wx.request` has no PATCH. */
    edit: (id, choice) => ask('PUT', `/reminders/${id}`, choice),
    remove: (id) => ask('DELETE', `/reminders/${id}`),
  };
}
