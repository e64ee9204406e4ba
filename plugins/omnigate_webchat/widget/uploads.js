/**
 * Files chosen for the next message. Each is uploaded at once; the message carries what came back.
 * @import {Attachment, Config, Upload} from "./types"
 * @import {Transport} from "./transport.js"
 */

const MOST = 10;

/**
 * @param {File} file
 * @param {{ url: string, token: string }} target
 * @param {Upload} upload its `progress` and `stop` are kept up to date
 * @param {() => void} changed
 * @returns {Promise<Attachment>}
 */
function post(file, target, upload, changed) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("file", file, file.name);
    request.open("POST", target.url);
    request.setRequestHeader("Authorization", "Bearer " + target.token);
    request.responseType = "json";
    request.upload.onprogress = (event) => {
      upload.progress = event.loaded / (event.total || 1);
      changed();
    };
    request.onload = () => (request.status === 201 ? resolve(request.response) : reject());
    request.onerror = request.onabort = () => reject();
    upload.stop = () => request.abort();
    request.send(form);
  });
}

export class Uploads {
  /** @type {Upload[]} */
  list = [];
  /**
   * Key and values of the text that says why a file was not taken.
   * @type {[string, Record<string, any>] | null}
   */
  refusal = null;

  /**
   * @param {Transport} transport
   * @param {() => Config["uploads"]} limits
   * @param {() => void} changed
   */
  constructor(transport, limits, changed) {
    this.transport = transport;
    this.limits = limits;
    this.changed = changed;
  }

  get ready() {
    return this.list.every((upload) => upload.attachment);
  }

  /** @param {Iterable<File>} files */
  add(files) {
    this.refusal = null;
    for (const file of files) {
      const refusal = this.#refuse(file);
      if (refusal) this.refusal = refusal;
      else this.#start(file);
    }
    this.changed();
  }

  /** @param {Upload} upload */
  remove(upload) {
    this.list = this.list.filter((other) => other !== upload);
    upload.stop?.();
    if (upload.preview) URL.revokeObjectURL(upload.preview);
    this.refusal = null;
    this.changed();
  }

  /** Hand over what was uploaded and begin anew. */
  take() {
    const taken = this.list.flatMap(({ attachment, preview }) =>
      attachment ? [{ ...attachment, preview }] : [],
    );
    this.list = [];
    this.refusal = null;
    return taken;
  }

  /**
   * @param {File} file
   * @returns {[string, Record<string, any>] | null}
   */
  #refuse({ name, size, type }) {
    const limits = this.limits();
    if (this.list.length >= MOST) return ["fileMany", { n: MOST }];
    if (limits && size > limits.max_bytes) return ["fileLarge", { name, bytes: limits.max_bytes }];
    // Office documents are zip archives to the server, which judges by the first bytes.
    const kind = /officedocument|opendocument/.test(type) ? "application/zip" : type;
    if (kind && limits && !limits.types.includes(kind)) return ["fileType", { name }];
    return null;
  }

  /** @param {File} file */
  async #start(file) {
    /** @type {Upload} */
    const upload = { name: file.name, progress: 0 };
    if (/^image\/(png|jpe?g|gif|webp)$/.test(file.type)) upload.preview = URL.createObjectURL(file);
    this.list.push(upload);
    try {
      await this.transport.refresh();
      upload.attachment = await post(file, this.transport.upload, upload, this.changed);
    } catch {
      upload.problem = "fileFailed";
    }
    this.changed();
  }
}
