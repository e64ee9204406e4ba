/** The widget's style sheet. Lengths in px: `rem` would follow the page's font size. */
export const css = `
:host{all:initial!important;position:fixed!important;z-index:2147483000!important;display:block!important;
direction:ltr!important;font:15px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif!important;
color:var(--text)!important;-webkit-text-size-adjust:none!important}
:host([hidden]),[hidden]{display:none!important}
*,*::before,*::after{box-sizing:border-box}
button,input,textarea,select{font:inherit;color:inherit;margin:0}
button{cursor:pointer;border:0;background:none;padding:0}
h2,p,fieldset,legend{margin:0;padding:0;border:0}
a{color:var(--link)}
.vh{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.icon{width:22px;height:22px;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round;flex:none}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}

.launcher,.invite,.panel{position:fixed;right:20px;bottom:20px}
.left .launcher,.left .panel,.left .invite{right:auto;left:20px}
.launcher,.avatar,.tool,.stars label,.dropping::after{display:grid;place-items:center;flex:none}
.launcher,.head{background:linear-gradient(150deg,var(--accent),var(--accent2));color:var(--on)}
.invite,.jump,.choice,.paper,.rating{background:var(--surface);border:1px solid var(--line)}
.launcher{width:60px;height:60px;border-radius:50%;border:1px solid transparent;box-shadow:0 6px 20px rgb(0 0 0/.25)}
.launcher:focus-visible{box-shadow:0 0 0 6px var(--surface)}
.launcher .icon{width:28px;height:28px;grid-area:1/1}
.i-chat{fill:currentColor;stroke:none}
.launcher .i-down,.launcher[aria-expanded=true] .i-chat{opacity:0}
.launcher[aria-expanded=true] .i-down{opacity:1}
.badge{position:absolute;top:-3px;right:-3px;min-width:22px;padding:0 6px;border-radius:11px;background:#c3261b;color:#fff;font-size:12px;font-weight:700;line-height:20px;border:1px solid #fff}

.invite{bottom:92px;width:300px;max-width:calc(100vw - 40px);display:flex;border-radius:18px;box-shadow:0 10px 34px rgb(0 0 0/.18)}
.words{display:flex;gap:12px;flex:1;min-width:0;padding:16px 4px 16px 16px;text-align:start;border-radius:18px;overflow-wrap:anywhere}
.words span:last-child{min-width:0}
.words b,.paper b,.paper small{display:block}
.invite .tool{margin:6px}

.panel{bottom:94px;width:388px;height:640px;max-width:calc(100vw - 40px);max-height:calc(100dvh - 114px);
display:flex;flex-direction:column;overflow:clip;background:var(--ground);border:1px solid var(--line);border-radius:20px;box-shadow:0 18px 60px rgb(0 0 0/.25)}
.head{display:flex;align-items:center;gap:12px;padding:14px 12px 14px 16px}
.head .avatar{width:40px;height:40px;font-size:17px;background:var(--on);color:var(--accent2)}
.head .who{flex:1;min-width:0}
.head h2{font-size:16px}
.head h2,.chip span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.head p{font-size:13px}
.head p::before{content:"";display:inline-block;width:8px;height:8px;margin-right:6px;border-radius:50%;background:#3ddc84;border:1px solid var(--on)}
.head .away::before{background:none}
.head .tool{color:inherit}
.head :focus-visible,.in .balloon :focus-visible{outline-color:var(--on);outline-offset:-3px}
.avatar{width:30px;height:30px;border-radius:50%;overflow:hidden;font-weight:600;font-size:13px}
img{width:100%;height:100%;object-fit:cover;display:block}
.tool{width:40px;height:40px;border-radius:12px;color:var(--muted)}
.tool:hover{background:rgb(127 127 127/.2)}
.avatar,.send,.primary,.in .balloon{background:var(--accent);color:var(--on);border:1px solid transparent}
.tool.small{width:28px;height:28px}

.banner{padding:8px 16px;font-size:13px;background:var(--surface)}
.body{flex:1;min-height:0;position:relative;display:flex;flex-direction:column}
.scroll,.form{flex:1;min-height:0;overflow-y:auto;overscroll-behavior:contain}
.scroll{padding:16px 14px 28px;overflow-anchor:none}
.scroll:focus-visible{outline-offset:-3px}
.list{display:flex;flex-direction:column}
.day{margin:14px auto 12px;font-size:12px;color:var(--muted)}
.day::first-letter{text-transform:uppercase}
.text-button{min-height:32px;padding:4px 12px;border-radius:16px;color:var(--link);font-weight:600;font-size:13px}
.earlier{margin:0 auto 4px;display:block}
.msg{display:flex;gap:8px;align-items:flex-end;margin-top:3px}
.msg.first{margin-top:12px}
.msg .avatar{visibility:hidden}
.last .avatar{visibility:visible}
.stack{display:flex;flex-direction:column;align-items:flex-start;min-width:0;max-width:84%}
.in{justify-content:flex-end}
.in .stack{align-items:flex-end}
.name,.meta,.paper small,.hint,.count,.privacy{font-size:12px;color:var(--muted)}
.name{margin:0 0 4px 12px;display:none}
.first .name{display:block}
.balloon{padding:9px 13px;border-radius:18px;background:var(--balloon);border:1px solid var(--line);white-space:pre-wrap;overflow-wrap:anywhere}
.out.last .balloon{border-bottom-left-radius:6px}
.in .balloon a{color:inherit}
.in.last .balloon{border-bottom-right-radius:6px}
.picture{width:220px;max-width:100%;height:165px;border-radius:16px;overflow:hidden;border:1px solid var(--line);margin-bottom:3px}
.paper{display:flex;gap:10px;align-items:center;text-decoration:none;color:inherit;padding:10px 14px 10px 10px;border-radius:14px;margin-bottom:3px;overflow-wrap:anywhere}
.row{display:flex;flex-wrap:wrap;gap:6px;margin-top:6px}
.choice{padding:6px 14px;border-color:var(--link);border-radius:18px;color:var(--link);font-weight:600;font-size:14px;text-decoration:none;overflow-wrap:anywhere}
.choice:hover:not(:disabled){background:var(--accent);color:var(--on)}
.choice:disabled{border-color:var(--line);color:var(--muted)}
.meta{display:none;flex-wrap:wrap;align-items:center;gap:4px;margin:4px 4px 0 12px}
.last .meta,.failed .meta{display:flex}
.meta .icon,.small .icon{width:15px;height:15px}
.read .i-two{color:var(--link)}
.failed .meta,.error{color:var(--danger);font-size:13px}
.jump{position:absolute;right:14px;bottom:10px;border-radius:50%}
.typing{position:relative;margin-top:-24px;pointer-events:none;background:linear-gradient(transparent,var(--ground) 30%);padding:0 16px;font-size:13px;color:var(--muted);min-height:24px}
.dots{display:inline-flex;gap:3px;margin-right:8px;vertical-align:middle}
.dots i{width:5px;height:5px;border-radius:50%;background:currentColor}

.composer{background:var(--surface);border-top:1px solid var(--line);padding:8px 8px 10px}
.composer:focus-within{box-shadow:inset 0 2px 0 var(--link)}
.notice{display:flex;align-items:center;gap:8px;padding:4px 8px 8px;font-size:13px}
.notice span{flex:1}
.line{display:flex;align-items:flex-end;gap:2px}
textarea,input:not([type=checkbox],[type=radio]),select{width:100%;min-height:44px;padding:10px 12px;border:1px solid var(--muted);border-radius:12px;background:var(--surface);font-size:16px;line-height:22px;resize:none}
::placeholder{color:var(--muted);opacity:1}
.line textarea{min-width:0;max-height:132px;border-color:transparent;padding:9px 8px;min-height:42px}
.line textarea:focus-visible{outline-color:transparent}
.send{border-radius:50%}
.send:hover,.primary:hover{background:var(--accent2)}
.send:disabled{background:var(--line);color:var(--muted)}
.chips{display:flex;flex-wrap:wrap;gap:8px;padding:4px 8px 8px}
.chip{display:flex;align-items:center;gap:8px;padding:4px;border:1px solid var(--line);border-radius:12px;font-size:13px}
.chip img{width:36px;height:36px;border-radius:8px}
.chip span{max-width:150px}
progress,.check{accent-color:var(--link)}
progress{width:56px}
.count{padding:0 8px 4px;text-align:end}
.privacy{overflow-wrap:anywhere;padding:6px 8px 0;text-align:center}
.dropping::after{content:attr(data-drop);position:absolute;inset:8px;border:2px dashed var(--link);border-radius:14px;background:var(--surface)}

.form,.rating,.field{display:flex;flex-direction:column;gap:14px}
.form{padding:20px;background:var(--surface)}
.form h2{font-size:19px}
.form .field{gap:5px}
.field label{font-size:14px;font-weight:600}
.field .check,.hint{font-weight:400}
[aria-invalid=true]{border-color:var(--danger)!important;box-shadow:0 0 0 1px var(--danger)}
.check{display:flex;gap:10px}
.check input{width:22px;height:22px;flex:none}
.primary{padding:10px 20px;border-radius:23px;font-weight:600}
.primary[aria-busy=true]{opacity:.7}
.rating{margin:18px 0 10px;padding:18px;border-radius:18px;text-align:center}
.rating legend{display:contents;font-weight:600}
.stars{display:flex;justify-content:center}
.stars label{position:relative;width:44px;height:44px;border-radius:12px;color:var(--muted);cursor:pointer}
.stars .icon{width:30px;height:30px}
.stars .on{color:var(--link)}
.on .icon{fill:currentColor}
.stars label:focus-within{outline:2px solid var(--link)}

@media (max-width:480px),(max-height:420px){
.panel{inset:0!important;width:auto;height:var(--height,100dvh);max-width:none;max-height:none;border:0;border-radius:0}
.opened .launcher{display:none}
.head{padding:8px 6px 8px 12px}
}
@media (max-height:420px){.head .avatar,.privacy,.head p{display:none}}
@media (prefers-reduced-motion:no-preference){
.launcher,.launcher .icon{transition:.18s}
.launcher:hover{transform:scale(1.05)}
.panel,.invite,.msg{animation:rise .2s ease-out}
.dots i{animation:dot 1.2s infinite}
.dots i+i{animation-delay:.15s}.dots i+i+i{animation-delay:.3s}
}
@keyframes rise{from{opacity:0;transform:translateY(10px)}}
@keyframes dot{0%,60%,100%{opacity:.35}30%{opacity:1;transform:translateY(-2px)}}
@media (forced-colors:active){.in .balloon{border:3px double}.stars .on{color:Highlight}}
@media print{:host{display:none!important}}
`;
